"""Is a pipeline taken whose parameter has a default of two lines?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="value-default-of-two-lines")
def pipeline(text: str = "first: one\nsecond: two"):
    say(text=text)
