"""What is the exit task told of a body in which one item of a loop fails?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def report(text: str, status: dsl.PipelineTaskFinalStatus):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, status])


@dsl.container_component
def end(status: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--fail", status])


@dsl.pipeline(name="exit-loop-fails")
def pipeline():
    last = report(text="last")
    with dsl.ExitHandler(last):
        with dsl.ParallelFor(["0", "4"]) as status:
            end(status=status)
