"""Which JSON does the launcher take for a list, and as which numbers?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(text: str, out: dsl.OutputPath(list)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say(items: list):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[items])


@dsl.pipeline(name="output-json-read")
def pipeline():
    say(items=give(text="[-0, 1E2, 12345678901234567890]").outputs["out"])
    give(text="[1e999]")
    give(text='["\\ud83d"]')
