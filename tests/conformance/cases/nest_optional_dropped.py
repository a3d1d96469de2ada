"""Is None, handed on by a pipeline within, found there: by what needs it, and by what need not have it?"""

from typing import Optional

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def maybe(text: Optional[str] = None):  # noqa: UP045  # kfp knows no other
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=[dsl.IfPresentPlaceholder("text", then=["--text", text], else_=["--none"])],
    )


@dsl.pipeline
def inner(text: Optional[str] = None):  # noqa: UP045  # kfp knows no other
    maybe(text=text)


@dsl.pipeline(name="nest-optional-dropped")
def pipeline(text: Optional[str] = None):  # noqa: UP045  # kfp knows no other
    inner()
    inner(text="x")
    inner(text=text)
