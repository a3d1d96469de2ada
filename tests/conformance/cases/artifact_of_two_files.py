"""Does a folder reach the next task as a folder, and a file beside a file as a file?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def make(folder: dsl.Output[dsl.Artifact], file: dsl.Output[dsl.Model]):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=["--out-dir", folder.path, "--out", file.path, "weights"],
    )


@dsl.container_component
def read(folder: dsl.Input[dsl.Artifact], file: dsl.Input[dsl.Model]):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=["--cat", folder.path, "--cat", file.path, file.uri],
    )


@dsl.pipeline(name="artifact-of-two-files")
def pipeline():
    made = make().outputs
    read(folder=made["folder"], file=made["file"])
