"""Does a task fail that writes a word for a number, and is what waits for it left out?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(out: dsl.OutputPath(int)):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=["--out", out, "twelve"]
    )


@dsl.container_component
def say(number: int):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[number])


@dsl.pipeline(name="output-no-number")
def pipeline():
    say(number=give().outputs["out"])
