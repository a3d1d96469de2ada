"""Is what a branch made found where the branch ends with something that is skipped?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="cond-one-of-untold")
def pipeline(word: str = "x"):
    with dsl.If(word == "x"):
        first = give(text="1")
        with dsl.If(first.outputs["out"] == "2"):
            say(text="no")
    with dsl.Else():
        other = give(text="2")
    say(text=dsl.OneOf(first.outputs["out"], other.outputs["out"]))
