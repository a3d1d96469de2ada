"""Is a condition evaluated on a number that is infinite?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(text: str, out: dsl.OutputPath(float)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="cond-infinite")
def pipeline():
    given = give(text="inf")
    with dsl.If(given.outputs["out"] > 1.5):
        say(text="larger")
    say(text="beside")
