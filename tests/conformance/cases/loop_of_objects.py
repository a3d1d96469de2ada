"""As what text does a task get the numbers in a static list of objects?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str, number: str, ratio: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, number, ratio])


@dsl.pipeline(name="loop-of-objects")
def pipeline():
    with dsl.ParallelFor([{"a": "x", "n": 1, "f": 0.5}, {"a": "y", "n": -2, "f": 1e3}]) as item:
        say(text=item.a, number=item.n, ratio=item.f)
