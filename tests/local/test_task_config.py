"""The task config: amounts in Kubernetes' one form, every kind of setting, and what is refused."""

from typing import Any

import pytest

from kfp_workbench.local import quantities, task_config
from kfp_workbench.local.spec import Component, Parameter

FIELDS = ["ENV", "RESOURCES", "KUBERNETES_VOLUMES", "KUBERNETES_NODE_SELECTOR"]
FIELDS += ["KUBERNETES_TOLERATIONS", "KUBERNETES_AFFINITY"]
NAME = {"runtimeValue": {"constant": "name"}}


def component(*, applies: bool = False) -> Component:
    config = {"config": Parameter("TASK_CONFIG", True, None, [])}
    return Component("c", config, {}, {}, {}, None, "e", dict.fromkeys(FIELDS, applies))


def made(settings: dict[str, Any], claim: str | None = None, **container: Any) -> dict[str, Any]:
    found = task_config.made(component(), container, settings, {"n": "2"}, claim)
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("0.5", "500m"),
        ("100m", "100m"),
        ("1500m", "1500m"),
        ("2.0", "2"),
        ("1000", "1k"),
        ("1500", "1500"),
        ("0.1048576G", "104857600"),
        ("1.5G", "1500M"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("512Ki", "512Ki"),
        ("0", "0"),
        ("1e3", "1e3"),
        ("0.1Ki", "102400m"),
        ("1n", "1n"),
        ("0.5n", "1n"),
        ("1e-99999999", "1n"),
        ("20E", str(2**63 - 1)),
        ("16Ei", str(2**63 - 1)),
        ("-1e99999999", str(1 - 2**63)),
    ],
)
def test_an_amount_has_one_form(text: str, form: str) -> None:
    assert quantities.canonical(text) == form


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1g", "--1", "Gi"])
def test_what_is_no_amount_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        quantities.canonical(text)


SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "secret": (
        {
            "secretAsEnv": [
                {
                    "secretNameParameter": NAME,
                    "optional": False,
                    "keyToEnv": [{"secretKey": "k", "envVar": "V"}],
                }
            ]
        },
        {
            "env": [
                {
                    "name": "V",
                    "valueFrom": {"secretKeyRef": {"name": "name", "key": "k", "optional": False}},
                }
            ]
        },
    ),
    "volumes": (
        {
            "pvcMount": [{"constant": "claim", "mountPath": "/a", "subPath": "b"}],
            "configMapAsVolume": [{"configMapName": "map", "mountPath": "/c"}],
        },
        {
            "volumes": [
                {"name": "claim", "persistentVolumeClaim": {"claimName": "claim"}},
                {"name": "map", "configMap": {"name": "map", "optional": False}},
            ],
            "volumeMounts": [
                {"name": "claim", "mountPath": "/a", "subPath": "b"},
                {"name": "map", "mountPath": "/c"},
            ],
        },
    ),
    "preferred": (
        {"nodeAffinity": [{"weight": 5, "matchFields": [{"key": "k", "operator": "Exists"}]}]},
        {
            "affinity": {
                "nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 5.0,
                            "preference": {"matchFields": [{"key": "k", "operator": "Exists"}]},
                        }
                    ]
                }
            }
        },
    ),
    "json": (
        {
            "nodeSelector": {"nodeSelectorJson": {"runtimeValue": {"constant": {"a": "b"}}}},
            "tolerations": [{"tolerationJson": {"runtimeValue": {"constant": [{"key": "k"}]}}}],
        },
        {"nodeSelector": {"a": "b"}, "tolerations": [{"key": "k"}]},
    ),
}


@pytest.mark.parametrize(("settings", "config"), SETTINGS.values(), ids=SETTINGS)
def test_settings_are_told_in_the_words_of_a_pod(
    settings: dict[str, Any], config: dict[str, Any]
) -> None:
    assert made(settings) == config


def test_the_workspace_and_inputs_are_filled_in() -> None:
    accelerator = {
        "resourceType": "nvidia.com/gpu",
        "resourceCount": "{{$.inputs.parameters['n']}}",
    }
    found = made({}, "run-kfp-workspace", resources={"accelerator": accelerator})
    assert found["resources"] == {"limits": {"nvidia.com/gpu": "2"}}
    assert found["volumes"][0]["persistentVolumeClaim"] == {"claimName": "run-kfp-workspace"}


@pytest.mark.parametrize(
    ("settings", "has_workspace", "words"),
    [
        ({"pvcMount": [{"taskOutputParameter": {}, "mountPath": "/a"}]}, False, "pvcMount"),
        (
            {"nodeSelector": {"nodeSelectorJson": {"componentInputParameter": "a"}}},
            False,
            "nodeSelector",
        ),
        ({}, True, "has no workspace of its own"),
    ],
)
def test_what_only_a_cluster_can_tell_is_refused(
    settings: dict[str, Any], has_workspace: bool, words: str
) -> None:
    (problem,) = task_config.problems(component(), settings, has_workspace=has_workspace)
    assert words in problem
