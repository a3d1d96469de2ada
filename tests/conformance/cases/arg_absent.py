"""What is a container given for an optional input that is not there, with and without an if?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str = "default", more: str = "more"):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=[
            dsl.IfPresentPlaceholder("text", then=["--text", text], else_=["--none"]),
            more,
        ],
    )


@dsl.pipeline(name="arg-absent")
def pipeline():
    say(more="given")
