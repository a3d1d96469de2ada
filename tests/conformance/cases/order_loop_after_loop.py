"""Does a loop that comes after another one wait for all of its items?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="order-loop-after-loop")
def pipeline():
    with dsl.ParallelFor(["a", "b"]) as first:
        before = say(text=first)
    with dsl.ParallelFor(["c"]) as second:
        say(text=second).after(before)
