"""What does each form of an argument become: text around an input, a list, a concat, an option?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str, number: int, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=[
            f"--text={text}",
            dsl.ConcatPlaceholder(["--number=", number]),
            f"{number}:{out}",
            "--out",
            out,
            text,
        ],
    )


@dsl.pipeline(name="arg-forms")
def pipeline(text: str = 'two words, "quoted"'):
    say(text=text, number=-1)
