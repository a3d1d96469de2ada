"""Are defaults of a nested pipeline kept where the outer one hands over nothing?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str, number: int, flag: bool):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, number, flag])


@dsl.pipeline
def inner(text: str = "inner", number: int = 3, flag: bool = True):
    say(text=text, number=number, flag=flag)


@dsl.pipeline(name="nest-optional-absent")
def pipeline(text: str = "outer"):
    inner()
    inner(text=text, number=0, flag=False)
