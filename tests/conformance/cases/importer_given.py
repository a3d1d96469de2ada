"""Is an address that a parameter gives imported, with its metadata, and handed on?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"

PARAMETERS = {"name": "b.csv"}


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[data.path])


@dsl.pipeline(name="importer-given")
def pipeline(name: str):
    got = dsl.importer(
        artifact_uri="minio://mlpipeline/own/a.csv",
        artifact_class=dsl.Dataset,
        metadata={"file": name, "rows": 2},
    )
    read(data=got.output)
