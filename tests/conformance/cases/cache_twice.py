"""Are all tasks of a second run reused, and their outputs handed on?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


RUNS = 2


@dsl.pipeline(name="cache-twice")
def pipeline():
    say(text=give(text="same").outputs["out"])
