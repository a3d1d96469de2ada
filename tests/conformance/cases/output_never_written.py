"""Does a task fail that ends well without its output?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def give(out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["nothing", out])


@dsl.pipeline(name="output-never-written")
def pipeline():
    give()
