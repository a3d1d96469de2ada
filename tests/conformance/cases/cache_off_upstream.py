"""Is a task reused whose input comes from one that is run again, to the same result?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


RUNS = 2


@dsl.pipeline(name="cache-off-upstream")
def pipeline():
    given = give(text="same").set_caching_options(False)
    say(text=given.outputs["out"])
