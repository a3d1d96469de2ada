"""Where is an artifact found that two importers take, of which one puts it into the workspace?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"
CONFIG = dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi"))
ADDRESS = "minio://mlpipeline/own/a.csv"


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[data.path])


@dsl.pipeline(name="importer-workspace-known", pipeline_config=CONFIG)
def pipeline():
    plain = dsl.importer(artifact_uri=ADDRESS, artifact_class=dsl.Dataset)
    shared = dsl.importer(
        artifact_uri=ADDRESS, artifact_class=dsl.Dataset, download_to_workspace=True
    ).after(plain)
    again = dsl.importer(artifact_uri=ADDRESS, artifact_class=dsl.Dataset).after(shared)
    read(data=plain.output)
    read(data=shared.output)
    read(data=again.output)
