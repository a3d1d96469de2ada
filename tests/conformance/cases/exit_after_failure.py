"""Is the exit task run, and told of the failure, and what comes after the handler left out?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def fail(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, "--fail", "3"])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.container_component
def report(text: str, status: dsl.PipelineTaskFinalStatus):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, status])


@dsl.pipeline(name="exit-after-failure")
def pipeline():
    last = report(text="last")
    with dsl.ExitHandler(last, name="guarded"):
        say(text="first").after(fail(text="body"))
