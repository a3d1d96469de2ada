"""Does a task that ignores a failure run, though the run fails?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def fail(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, "--fail", "3"])


@dsl.container_component
def report(text: str, status: dsl.PipelineTaskFinalStatus):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, status])


@dsl.pipeline(name="exit-ignored")
def pipeline():
    report(text="all the same").after(fail(text="fails")).ignore_upstream_failure()
