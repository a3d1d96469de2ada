"""Is a task left out that comes after a nested pipeline with a failed task, and another one not?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.container_component
def fail(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, "--fail", "3"])


@dsl.pipeline
def inner(text: str):
    fail(text=text)
    say(text="beside")


@dsl.pipeline(name="order-after-failed-branch")
def pipeline():
    say(text="left out").after(inner(text="inner"))
    say(text="apart")
