"""Where does a task find what was imported into the workspace: beside the importer, and in a DAG?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"
CONFIG = dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi"))
ADDRESS = "minio://mlpipeline/own/a.csv"


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[data.path])


@dsl.pipeline
def inner(data: dsl.Input[dsl.Dataset]):
    read(data=data)


@dsl.pipeline(name="importer-workspace-within", pipeline_config=CONFIG)
def pipeline():
    got = dsl.importer(artifact_uri=ADDRESS, artifact_class=dsl.Dataset, download_to_workspace=True)
    read(data=got.output)
    inner(data=got.output)
    with dsl.ParallelFor([1]):
        read(data=got.output)
