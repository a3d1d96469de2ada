"""What does a text hold that is made of parts of an item, which a task has made?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def make(out: dsl.OutputPath(list)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=["--out", out, '[{"a": 1, "b": "x"}]'],
    )


@dsl.container_component
def say(text: str, part: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, part])


@dsl.pipeline(name="loop-text-of-parts")
def pipeline():
    with dsl.ParallelFor(make().outputs["out"]) as item:
        say(text=f"a={item.a}", part=item.b)
