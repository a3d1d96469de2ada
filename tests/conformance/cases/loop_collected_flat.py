"""Are the outputs of loops two deep collected into one flat list, in order?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say_list(texts: list):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[texts])


@dsl.container_component
def join(first: str, second: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=["--out", out, f"{first}{second}"]
    )


@dsl.pipeline(name="loop-collected-flat")
def pipeline():
    with dsl.ParallelFor(["a", "b"]) as outer:
        with dsl.ParallelFor(["1", "2"]) as inner:
            joined = join(first=outer, second=inner)
    say_list(texts=dsl.Collected(joined.outputs["out"]))
