"""Are the artifacts of a loop handed on as one list, each with its content?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def make(text: str, data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=["--out", data.path, text]
    )


@dsl.container_component
def read_all(data: dsl.Input[list[dsl.Dataset]]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--input", "{{$}}"])


@dsl.pipeline(name="loop-collected-names")
def pipeline():
    with dsl.ParallelFor(["a", "b", "c"], parallelism=1) as text:
        made = make(text=text)
    read_all(data=dsl.Collected(made.outputs["data"]))
