"""What becomes of a task whose optional input is its pipeline's, which was handed a null?"""

from typing import Optional

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: Optional[str] = None):  # noqa: UP045  # kfp knows no other
    words = dsl.IfPresentPlaceholder(input_name="text", then=[text], else_=["nothing"])
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[words])


@dsl.pipeline
def inner(text: Optional[str] = None):  # noqa: UP045  # kfp knows no other
    say(text=text)


@dsl.pipeline(name="nest-optional-null")
def pipeline(text: Optional[str] = None):  # noqa: UP045  # kfp knows no other
    inner()
    inner(text="given")
    inner(text=text)
