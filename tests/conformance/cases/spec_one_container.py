"""Do two components of equal containers, whose inputs are of other types, have definitions of their own?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def a_text(value: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[value])


@dsl.container_component
def number(value: float):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[value])


@dsl.container_component
def further_number(value: float):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[value, "further"])


@dsl.pipeline(name="spec-one-container")
def pipeline():
    number(value=1234567.5)
    a_text(value="x")
    further_number(value=1234567.5)
