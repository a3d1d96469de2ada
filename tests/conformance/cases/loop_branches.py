"""Does each item of a loop take its own branch?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="loop-branches")
def pipeline(word: str = "b"):
    with dsl.ParallelFor(["a", "b"]) as item:
        with dsl.If(item == word):
            say(text="same")
        with dsl.Else():
            say(text=item)
