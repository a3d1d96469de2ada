"""Does a task find nothing where the artifact was never written?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--cat", data.path])


@dsl.container_component
def make(data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["none", data.uri])


@dsl.pipeline(name="artifact-missing-file")
def pipeline():
    read(data=make().outputs["data"])
