"""How does an artifact stand in the executor input of a task in a pipeline, a loop, a branch?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def make(data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=["--out", data.path, "rows"]
    )


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--input", "{{$}}"])


@dsl.pipeline
def inner(data: dsl.Input[dsl.Dataset]):
    read(data=data)


@dsl.pipeline(name="artifact-input-within")
def pipeline(word: str = "yes"):
    made = make()
    read(data=made.outputs["data"])
    inner(data=made.outputs["data"])
    with dsl.ParallelFor([1]):
        read(data=made.outputs["data"])
    with dsl.If(word == "yes"):
        read(data=made.outputs["data"])
