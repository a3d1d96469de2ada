"""Is a task run that is to follow a loop, or an importer, however it ends?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="exit-after-loop")
def pipeline():
    with dsl.ParallelFor(["a", "b"]) as item:
        one = say(text=item)
    say(text="after the loop").after(one).ignore_upstream_failure()
    data = dsl.importer(artifact_uri="minio://mlpipeline/a", artifact_class=dsl.Dataset)
    say(text="after the importer").after(data).ignore_upstream_failure()
