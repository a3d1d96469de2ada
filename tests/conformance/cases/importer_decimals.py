"""Is what was imported with a number of seven decimals found again, by an equal importer?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def compare(one: dsl.Input[dsl.Dataset], two: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["both"])


def bring(share: float):
    return dsl.importer(
        artifact_uri="minio://mlpipeline/a", artifact_class=dsl.Dataset, metadata={"share": share}
    )


@dsl.pipeline(name="importer-decimals")
def pipeline():
    first = bring(0.1234567)
    compare(one=first.output, two=bring(0.1234567).after(first).output)
    third = bring(0.125)
    compare(one=third.output, two=bring(0.125).after(third).output)
