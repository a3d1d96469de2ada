"""Does the artifact of the branch that was taken reach a task, with its metadata?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--cat", data.path])


@dsl.container_component
def make(text: str, data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=["--input", "{{$}}", "--artifact", "data", '{"rows": 3, "even": true}', text],
    )


@dsl.pipeline(name="cond-artifact-of-branch")
def pipeline(flag: bool = False):
    with dsl.If(flag == True):  # noqa: E712
        one = make(text="one")
    with dsl.Else():
        other = make(text="other")
    read(data=dsl.OneOf(one.outputs["data"], other.outputs["data"]))
