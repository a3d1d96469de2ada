"""Is a loop over nothing done at once, and what comes after it run?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.container_component
def give_list(text: str, out: dsl.OutputPath(list)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--out", out, text])


@dsl.pipeline(name="loop-empty-constant")
def pipeline():
    given = give_list(text="[]")
    with dsl.ParallelFor(given.outputs["out"]) as item:
        never = say(text=item)
    say(text="after").after(never)
