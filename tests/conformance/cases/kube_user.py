"""Which user is a task that asks for one?"""

from kfp import dsl, kubernetes

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def look():
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["as somebody"])


@dsl.pipeline(name="kube-user")
def pipeline():
    kubernetes.set_security_context(look(), run_as_user=1234)
