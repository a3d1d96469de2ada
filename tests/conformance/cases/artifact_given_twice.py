"""Is a task begun that takes one artifact twice, and a pipeline within that does?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def make(out: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=["--out", out.path, "x"]
    )


@dsl.container_component
def compare(one: dsl.Input[dsl.Dataset], two: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[one.path, two.path])


@dsl.pipeline
def inner(one: dsl.Input[dsl.Dataset], two: dsl.Input[dsl.Dataset]):
    compare(one=one, two=two)


@dsl.pipeline(name="artifact-given-twice")
def pipeline():
    made = make().outputs["out"]
    compare(one=made, two=made)
    inner(one=made, two=made)
