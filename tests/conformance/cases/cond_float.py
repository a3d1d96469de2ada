"""Are the numbers of an output compared as numbers?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.container_component
def measure(text: str, out: dsl.OutputPath(float)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.pipeline(name="cond-float")
def pipeline():
    measured = measure(text="10.0")
    with dsl.If(measured.outputs["out"] >= 9.5):
        say(text="more")
    with dsl.If(measured.outputs["out"] == 10):
        say(text="equal")
