"""Is a nested pipeline that fails here, and not there, told by its place?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def fail(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, "--fail", "3"])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline
def inner(flag: bool):
    with dsl.If(flag == True):  # noqa: E712
        fail(text="flagged")
    say(text="always")


@dsl.pipeline(name="nest-failing-twice")
def pipeline():
    inner(flag=True)
    inner(flag=False)
