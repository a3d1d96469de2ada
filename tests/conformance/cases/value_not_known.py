"""Is a run refused that is given a parameter which the pipeline does not have?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


PARAMETERS = {"text": "known", "other": "unknown"}


@dsl.pipeline(name="value-not-known")
def pipeline(text: str):
    say(text=text)
