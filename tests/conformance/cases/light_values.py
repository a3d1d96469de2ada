"""Do lightweight components hand on several values, each with its type?"""

from typing import NamedTuple

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def split(number: int) -> NamedTuple("Parts", [("half", float), ("items", list)]):
    from collections import namedtuple

    return namedtuple("Parts", ["half", "items"])(number / 2, [number, str(number)])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def tell(half: float, items: list, word: str = "default") -> str:
    import json

    print("SEE", json.dumps({"half": half, "items": items, "word": word}), flush=True)
    return word


@dsl.pipeline(name="light-values")
def pipeline():
    parts = split(number=5)
    tell(half=parts.outputs["half"], items=parts.outputs["items"])
