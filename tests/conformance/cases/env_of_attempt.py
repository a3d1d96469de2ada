"""Is a task that may be tried again told which attempt it is, and one that may not?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def tell(text: str):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=[text, "$(KFP_RETRY_INDEX)", "--env", "KFP_RETRY_INDEX"],
    )


@dsl.container_component
def fail(text: str):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python", "see.py"],
        args=[text, "--env", "KFP_RETRY_INDEX", "--fail", "1"],
    )


@dsl.pipeline(name="env-of-attempt")
def pipeline():
    tell(text="once")
    tell(text="again").set_retry(1)
    fail(text="twice").set_retry(1, backoff_duration="1s")
