"""What is a component told of its own settings, and which of them hold for itself?"""

from kfp import dsl, kubernetes

IMAGE = "localhost:5000/golden/py"


@dsl.component(
    base_image=IMAGE,
    install_kfp_package=False,
    task_config_passthroughs=[
        dsl.TaskConfigPassthrough(field=dsl.TaskConfigField.RESOURCES, apply_to_task=True),
        dsl.TaskConfigField.ENV,
        dsl.TaskConfigField.KUBERNETES_TOLERATIONS,
        dsl.TaskConfigField.KUBERNETES_NODE_SELECTOR,
        dsl.TaskConfigField.KUBERNETES_AFFINITY,
    ],
)
def tell(word: str, task_config: dsl.TaskConfig):
    import dataclasses
    import json
    import os

    found = {"word": word, "config": dataclasses.asdict(task_config), "own": os.environ.get("A")}
    print("SEE", json.dumps(found), flush=True)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def plain(task_config: dsl.TaskConfig):
    import dataclasses
    import json

    print("SEE", json.dumps(dataclasses.asdict(task_config)), flush=True)


@dsl.pipeline(name="light-task-config")
def pipeline():
    told = tell(word="x").set_cpu_limit("0.5").set_memory_request("1024Mi")
    told.set_memory_limit("1500M").set_env_variable("A", "1").set_env_variable("B", "")
    kubernetes.add_node_selector(told, label_key="disk", label_value="ssd")
    kubernetes.add_toleration(
        told, key="k", operator="Exists", effect="NoExecute", toleration_seconds=10
    )
    rule = {"key": "zone", "operator": "In", "values": ["a"]}
    kubernetes.add_node_affinity(told, match_expressions=[rule])
    plain().set_env_variable("A", "1")
