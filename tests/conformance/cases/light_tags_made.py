"""Are Argo's tags filled in that a task has made, in its output and its artifact's metadata?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def make(data: dsl.Output[dsl.Dataset]) -> str:
    data.metadata["where"] = "{" + "{ workflow.namespace }}"
    return "{" + "{workflow.namespace}} {" + "{workflow.nothing}} {" + "{namespace}}"


@dsl.container_component
def say(text: str, data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=[text, "--input", "{{$}}"]
    )


@dsl.pipeline(name="light-tags-made")
def pipeline():
    made = make()
    say(text=made.outputs["Output"], data=made.outputs["data"])
