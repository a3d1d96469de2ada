"""Is an artifact of the run imported again, by the address that a task hands on?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def write(text: str, data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=["--out", data.path, text]
    )


@dsl.container_component
def tell(data: dsl.Input[dsl.Dataset], address: dsl.OutputPath(str)):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=["--out", address, data.uri]
    )


@dsl.container_component
def read(data: dsl.Input[dsl.Model]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--cat", data.path])


@dsl.pipeline
def again(address: str):
    got = dsl.importer(artifact_uri=address, artifact_class=dsl.Model, metadata={"seen": "again"})
    read(data=got.output)


@dsl.pipeline(name="importer-of-own")
def pipeline():
    made = write(text="one")
    told = tell(data=made.outputs["data"])
    again(address=told.outputs["address"])
