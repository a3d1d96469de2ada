"""What becomes of a task whose command is not there?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def look():
    return dsl.ContainerSpec(image=IMAGE, command=["no-such-command"], args=["x"])


@dsl.pipeline(name="fail-no-such-command")
def pipeline():
    look()
