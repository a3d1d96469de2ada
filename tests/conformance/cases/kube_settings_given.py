"""Which settings of a pod, given as parameters, does a driver not take?"""

from typing import Optional

from kfp import dsl, kubernetes

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=[text])


@dsl.pipeline(name="kube-settings-given")
def pipeline(
    empty: str = "",
    nothing: Optional[str] = None,  # noqa: UP045
    number: dict = {"a": 1},
    labels: dict = {"kubernetes.io/os": "linux"},
    several: list = [{"key": "a", "operator": "Exists", "tolerationSeconds": 5}],
    wrong: list = [{"key": 1}],
):
    kubernetes.use_secret_as_env(say(text="secret"), empty, {"a": "A"})
    kubernetes.use_config_map_as_env(say(text="null"), nothing, {"a": "A"})
    kubernetes.add_node_selector_json(say(text="number"), number)
    kubernetes.add_node_selector_json(say(text="labels"), labels)
    kubernetes.add_toleration_json(say(text="several"), several)
    kubernetes.add_toleration_json(say(text="wrong"), wrong)
    kubernetes.add_toleration_json(say(text="text"), empty)
