"""Is a published value taken, beside a file or without one, and handed on?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(number: dsl.OutputPath(int), items: dsl.OutputPath(list)):
    words = ["--out", number, "1", "--input", "{{$}}", "--publish", "number", "2"]
    words += ["--publish", "items", '["x", null]', number, items]
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=words)


@dsl.container_component
def say(number: int, items: list):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[number, items])


@dsl.pipeline(name="output-published")
def pipeline():
    given = give().outputs
    say(number=given["number"], items=given["items"])
