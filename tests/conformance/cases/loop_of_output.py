"""Does a loop over a list that a task made hand over texts, numbers and objects as they are?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give_list(text: str, out: dsl.OutputPath(list)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="loop-of-output")
def pipeline():
    given = give_list(text='["a", "b c"]')
    with dsl.ParallelFor(given.outputs["out"]) as item:
        say(text=item)
