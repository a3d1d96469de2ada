"""Which path has an imported address that ends with a slash?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=[data.path, data.uri, "--cat", data.path]
    )


@dsl.pipeline(name="importer-of-folder")
def pipeline():
    read(data=dsl.importer(artifact_uri="minio://mlpipeline/a/", artifact_class=dsl.Dataset).output)
