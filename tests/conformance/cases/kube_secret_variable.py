"""Does a key of a secret reach the container as a variable?"""

from kfp import dsl, kubernetes

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def look():
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--env", "GOLDEN_B"])


@dsl.pipeline(name="kube-secret-variable")
def pipeline():
    kubernetes.use_secret_as_env(look(), "golden-secret", {"b": "GOLDEN_B"})
