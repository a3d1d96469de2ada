"""Is the one branch of three run whose condition holds, and handed on by OneOf?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="cond-three-branches")
def pipeline(number: int = 7):
    with dsl.If(number < 5):
        low = give(text="low")
    with dsl.Elif(number < 10):
        middle = give(text="middle")
    with dsl.Else():
        high = give(text="high")
    say(text=dsl.OneOf(low.outputs["out"], middle.outputs["out"], high.outputs["out"]))
