"""Can what an importer takes in a loop be collected?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def read(data: dsl.Input[list[dsl.Dataset]]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["all"])


@dsl.pipeline(name="importer-collected")
def pipeline():
    with dsl.ParallelFor(["minio://mlpipeline/a", "minio://mlpipeline/b"]) as address:
        data = dsl.importer(artifact_uri=address, artifact_class=dsl.Dataset)
    read(data=dsl.Collected(data.output))
