"""Is a task that fails for good one task, however often it is tried?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def fail(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text, "--fail", "3"])


@dsl.pipeline(name="order-retry")
def pipeline():
    fail(text="tried").set_retry(num_retries=1, backoff_duration="1s")
