"""Does a task of an iteration get what the branch of that iteration gave?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="cond-one-of-in-loop")
def pipeline():
    with dsl.ParallelFor([1, 2]) as item:
        with dsl.If(item == 1):
            first = give(text="one")
        with dsl.Else():
            other = give(text="another")
        say(text=dsl.OneOf(first.outputs["out"], other.outputs["out"]))
