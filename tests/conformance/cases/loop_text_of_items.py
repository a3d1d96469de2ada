"""Is a text made of the items of two loops handed over?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="loop-text-of-items")
def pipeline():
    with dsl.ParallelFor(["a", "b"]) as outer:
        with dsl.ParallelFor(["1"]) as inner:
            say(text=f"{outer}{inner}")
    say(text="apart")
