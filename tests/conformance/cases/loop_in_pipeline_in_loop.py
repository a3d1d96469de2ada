"""Are the items of a loop in a nested pipeline told from those of the loop around that?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline
def inner(outer: str):
    with dsl.ParallelFor(["1", "2"]) as item:
        say(text=f"{outer} {item}")


@dsl.pipeline(name="loop-in-pipeline-in-loop")
def pipeline():
    with dsl.ParallelFor(["a", "b"]) as item:
        inner(outer=item)
