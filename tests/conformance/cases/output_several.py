"""Do outputs of each type reach the next task as they were written?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(
    text: dsl.OutputPath(str),
    number: dsl.OutputPath(int),
    ratio: dsl.OutputPath(float),
    flag: dsl.OutputPath(bool),
    items: dsl.OutputPath(list),
    table: dsl.OutputPath(dict),
):
    words = ["--out", text, " a b ", "--out", number, "12", "--out", ratio, "2.50"]
    words += ["--out", flag, "true", "--out", items, '[1, "b", null]']
    words += ["--out", table, '{"b": 1, "a": {"c": [2.5]}}']
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=words)


@dsl.container_component
def say(text: str, number: int, ratio: float, flag: bool, items: list, table: dict):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=[text, number, ratio, flag, items, table],
    )


@dsl.pipeline(name="output-several")
def pipeline():
    given = give().outputs
    say(**{name: given[name] for name in ("text", "number", "ratio", "flag", "items", "table")})
