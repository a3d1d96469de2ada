"""In which form does the next task see an artifact, its type and its metadata?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def make(data: dsl.Output[dsl.Metrics]):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=[
            "--input",
            "{{$}}",
            "--artifact",
            "data",
            '{"a": 1, "b": ["x"], "c": {"d": 0.5}}',
            "",
        ],
    )


@dsl.container_component
def read(data: dsl.Input[dsl.Metrics], note: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--input", "{{$}}"])


@dsl.pipeline(name="artifact-executor-input")
def pipeline():
    read(data=make().outputs["data"], note="n")
