"""What is an exit task told of a container that has neither command nor arguments?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def empty():
    return dsl.ContainerSpec(image=IMAGE)


@dsl.container_component
def report(status: dsl.PipelineTaskFinalStatus):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[status])


@dsl.pipeline(name="exit-after-no-command")
def pipeline():
    with dsl.ExitHandler(report()):
        empty()
