"""What a run is not begun with: one line each, before anything starts."""

from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local.execution import Run, Setting
from shared.flows import Flow, Maker, constant, given, task

EXIT = {"triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}


def refused(documents: list[Any], folder: Path, **parameters: Any) -> str:
    with pytest.raises(WorkbenchError) as caught:
        Run(documents, parameters, Setting(folder / "run", Maker()))
    assert caught.value.status == 2 and not (folder / "run").exists()
    return str(caught.value)


def one(text: Any = "x", **more: Any) -> list[Any]:
    """Return a pipeline of one task, which is given a text."""
    flow = Flow()
    inputs = {"text": constant(text) if isinstance(text, str) else text}
    return flow.documents(
        {"say": task(flow.container([]), inputs, **more)}, {"n": "NUMBER_INTEGER"}
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a \U0001f389", "cannot keep"),
        ("{{pod.name}}", "{{pod.name}} is a tag of Argo Workflows"),
        ("{{=1+1}}", "{{=1+1}} is a tag of Argo Workflows"),
        ("{{workflow.name", "{{workflow.name…}} is a tag of Argo Workflows"),
    ],
)
def test_texts_that_do_not_reach_a_task(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(one(text), tmp_path, n=1)
    documents = one(given("n"))
    documents[0]["root"]["inputDefinitions"]["parameters"]["n"]["parameterType"] = "STRING"
    assert said in refused(documents, tmp_path, n=text)


@pytest.mark.parametrize("text", ["{{$.x}} {{ x }} {{}} }} {{", "日本 ✓", "$$ $(A)"])
def test_texts_that_do(tmp_path: Path, text: str) -> None:
    Run(one(text), {"n": 1}, Setting(tmp_path, Maker()))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("say", "say-driver"), "is what KFP calls the driver of"),
        (("a" * 122,), "no task with a name of 122 characters"),
        (("a" * 121, "driver", "no-driver"), ""),
    ],
)
def test_names_that_argo_does_not_take(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    flow = Flow()
    documents = flow.documents({name: task(flow.container([])) for name in names}, {})
    if said:
        assert said in refused(documents, tmp_path)
    else:
        Run(documents, {}, Setting(tmp_path, Maker()))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "the pipeline needs the parameter n: give it a value"),
        ({"n": "3"}, "the parameter n is '3', which is no Integer"),
        ({"n": None}, "the parameter n is None, which is no Integer"),
        ({"n": True}, "the parameter n is True, which is no Integer"),
        ({"n": 1, "m": 2}, "the pipeline has no parameter 'm': it has n"),
    ],
)
def test_parameters(tmp_path: Path, parameters: dict[str, Any], said: str) -> None:
    assert said in refused(one(), tmp_path, **parameters)


def test_a_fraction_passes_for_an_integer(tmp_path: Path) -> None:
    """As on a server, which knows numbers only."""
    assert Run(one(), {"n": 2.5}, Setting(tmp_path, Maker())).parameters == {"n": 2.5}


def test_what_a_server_does_not_compile(tmp_path: Path) -> None:
    flow = Flow()
    text = {"text": constant("x")}
    body, end = task(flow.container([]), text), task(flow.container([]), text, **EXIT)
    after = task(flow.container([]), text, dependentTasks=["end"])
    said = refused(flow.documents({"end": end}), tmp_path)
    assert said == "the pipeline has no task but exit tasks: a server does not take it"
    tasks = {"body": body, "end": {**end, "dependentTasks": ["body"]}, "after": after}
    assert "comes after task, which runs however others end" in refused(
        flow.documents(tasks), tmp_path
    )
    loop = task(flow.container([]), text, artifactIterator={})
    assert "no server has loops over artifacts yet" in refused(
        flow.documents({"loop": loop}), tmp_path
    )


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ({"image": "argostub/createpvc"}, "task is CreatePVC, which only Kubernetes does"),
        (
            {"resources": {"accelerator": {"resourceType": "K80", "resourceCount": "1"}}},
            "K80 is no name of a resource in Kubernetes",
        ),
    ],
)
def test_what_only_a_cluster_does(tmp_path: Path, container: dict[str, Any], said: str) -> None:
    documents = one()
    (executor,) = documents[0]["deploymentSpec"]["executors"].values()
    executor["container"].update(container)
    assert said in refused(documents, tmp_path, n=1)


def test_a_variable_that_is_given_twice(tmp_path: Path) -> None:
    documents = one()
    ((label, executor),) = documents[0]["deploymentSpec"]["executors"].items()
    executor["container"]["env"] = [{"name": "A", "value": "b"}]
    secret = {"secretAsEnv": [{"keyToEnv": [{"secretKey": "a", "envVar": "A"}]}]}
    platform = {"kubernetes": {"deploymentSpec": {"executors": {label: secret}}}}
    said = refused([*documents, {"platforms": platform}], tmp_path, n=1)
    assert said == "task: the variable A is given twice: Kubernetes refuses that"


@pytest.mark.parametrize("is_used", [True, False])
def test_an_object_that_is_not_here(tmp_path: Path, is_used: bool) -> None:
    documents = one()
    root, executors = documents[0]["root"], documents[0]["deploymentSpec"]["executors"]
    made = {"artifacts": {"artifact": {"artifactType": {"schemaTitle": "system.Dataset"}}}}
    documents[0]["components"]["comp-importer"] = {"executorLabel": "i", "outputDefinitions": made}
    executors["i"] = {
        "importer": {
            "artifactUri": {"constant": "gs://b/a.csv"}, "typeSchema": {"schemaTitle": "system.Dataset"}
        }
    }  # fmt: skip
    root["dag"]["tasks"]["importer"] = task("comp-importer")
    if not is_used:
        Run(documents, {"n": 1}, Setting(tmp_path, Maker()))
        return
    source = {"taskOutputArtifact": {"producerTask": "importer", "outputArtifactKey": "artifact"}}
    root["dag"]["tasks"]["say"]["inputs"]["artifacts"] = {"data": source}
    assert "put it into objects/gcs/b/a.csv" in refused(documents, tmp_path, n=1)
