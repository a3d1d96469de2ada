"""How is a value of each type written, as a constant, a default and a given parameter?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"

PARAMETERS = {"given": [1, 2.5, "x", None, {"k": True}]}


@dsl.container_component
def say(text: str, number: int, ratio: float, flag: bool, items: list, table: dict):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=[text, number, ratio, flag, items, table],
    )


@dsl.pipeline(name="value-types")
def pipeline(given: list, table: dict = {"z": 1, "a": [2]}, ratio: float = 2.0):
    say(text="ä\n", number=10, ratio=ratio, flag=True, items=given, table=table)
    say(text="", number=-1, ratio=1e-7, flag=False, items=[], table={})
