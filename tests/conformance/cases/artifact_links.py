"""What reaches the next step of a folder with a link to nothing, and of one with a link to a folder?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"
MAKE = """import os, sys, see
folder = sys.argv[1]
os.makedirs(folder + "/b")
for name in ("a", "b/in", "z"):
    open(f"{folder}/{name}", "w").write(name)
os.symlink(sys.argv[2], folder + "/link")
sys.exit(see.main([]))"""


@dsl.container_component
def make(to: str, out: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "-c", MAKE], args=[out.path, to])


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--cat", data.path])


@dsl.pipeline(name="artifact-links")
def pipeline():
    read(data=make(to="nothing").outputs["out"])
    read(data=make(to="b").outputs["out"])
