"""Are quotes and letters that are not ASCII told apart in a condition?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="cond-quotes")
def pipeline(text: str = "a \"b\" 'c'"):
    with dsl.If(text == "a \"b\" 'c'"):
        say(text="quotes")
    with dsl.If(text != "ä"):
        say(text="umlaut")
