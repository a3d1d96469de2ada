"""Are the outputs of loops two deep collected into one flat list, in order?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say_list(texts: list):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[texts])


@dsl.pipeline(name="loop-collected-flat")
def pipeline():
    with dsl.ParallelFor(["a", "b"]) as outer:
        with dsl.ParallelFor(["1", "2"]) as inner:
            given = give(text=f"{outer}{inner}")
    say_list(texts=dsl.Collected(given.outputs["out"]))
