"""What becomes of an if whose then is a concat?"""

from typing import Optional

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: Optional[str] = None):  # noqa: UP045  # kfp knows no other
    joined = dsl.ConcatPlaceholder(["--text=", text])
    words = dsl.IfPresentPlaceholder(input_name="text", then=[joined], else_=["nothing"])
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[words])


@dsl.pipeline(name="if-of-concat")
def pipeline():
    say()
    say(text="given")
