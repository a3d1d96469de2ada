"""How do dollar signs in an artifact's metadata reach the task that takes it?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def make(text: str, data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=["--input", "{{$}}", "--artifact", "data", text, "rows"],
    )


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--input", "{{$}}"])


@dsl.pipeline(name="artifact-dollars")
def pipeline():
    made = make(text='{"price": "$$$$$$$$5", "of": {"$(NOBODY)": ["$$$$$$$$"]}}')
    read(data=made.outputs["data"])
