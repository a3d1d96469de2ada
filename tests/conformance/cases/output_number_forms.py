"""Which forms of numbers are read from the file of an output?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give_float(text: str, out: dsl.OutputPath(float)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.container_component
def give_integer(text: str, out: dsl.OutputPath(int)):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=["whole", "--out", out, text]
    )


@dsl.container_component
def say(number: float):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[number])


@dsl.pipeline(name="output-number-forms")
def pipeline():
    say(number=give_float(text=".5").outputs["out"])
    say(number=give_float(text=" 1e3\n").outputs["out"])
    say(number=give_float(text="0x1p4").outputs["out"])
    say(number=give_float(text="1_000.5").outputs["out"])
    give_integer(text=" +7\n")
    give_integer(text="1_000")
    give_integer(text="1e3")
