"""Do a parameter, an artifact and an output pass through three levels?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def make(text: str, data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=["--out", data.path, text]
    )


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--cat", data.path])


@dsl.container_component
def give(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline
def innermost(text: str, data: dsl.Input[dsl.Dataset]) -> str:
    read(data=data)
    return give(text=text).outputs["out"]


@dsl.pipeline
def middle(text: str, data: dsl.Input[dsl.Dataset]) -> str:
    return innermost(text=text, data=data).output


@dsl.pipeline(name="nest-three-levels")
def pipeline(text: str = "through"):
    made = make(text="content")
    say(text=middle(text=text, data=made.outputs["data"]).output)
