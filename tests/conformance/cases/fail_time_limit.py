"""What becomes of a task that takes longer than it may?"""

from kfp import dsl, kubernetes

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def wait():
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--sleep", "30"])


@dsl.pipeline(name="fail-time-limit")
def pipeline():
    kubernetes.set_timeout(wait(), 1)
