"""Is an inner condition looked at only where the outer one holds?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="cond-of-condition")
def pipeline():
    coin = give(text="heads")
    with dsl.If(coin.outputs["out"] == "heads"):
        again = give(text="tails")
        with dsl.If(again.outputs["out"] == "heads"):
            say(text="heads, heads")
        with dsl.Else():
            say(text="heads, tails")
    with dsl.If(coin.outputs["out"] == "tails"):
        with dsl.If(coin.outputs["out"] != "heads"):
            say(text="tails")
