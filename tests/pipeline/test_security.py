"""As whom a step runs: not as root, which its pod says, if nothing else is said."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec.pipeline_spec_pb2 import PlatformSpec

from kfp_workbench import check
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import allowances
from kfp_workbench.pipeline.kubernetes import schema
from kfp_workbench.project import steps
from kfp_workbench.project.sources import Sources
from shared.baking import bake, compile_here, environment

ASKED = {"runAsNonRoot": True}
# What KFP 2.17.0 made of set_security_context(task, run_as_user=1234, run_as_group=2345,
# run_as_non_root=True): the container of the pod, and the pod. All that is here and not in the
# pipeline it does by itself, so that runAsNonRoot is all that the restricted policy lacks.
CONTAINER = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsGroup": 2345,
    "runAsNonRoot": True,
    "runAsUser": 1234,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with the steps load and save; load runs twice."""
    folder = tmp_path_factory.mktemp("security")
    project = bake(folder, starter="blank", steps="load, save", project_slug="secure")
    edit(
        project / "pipeline.py",
        "    return save_task",
        "    load(context=context)\n    return save_task",
    )
    return project


@pytest.fixture
def project(baked: Path, tmp_path: Path) -> Path:
    """Return a copy of that project, for the test alone."""
    return shutil.copytree(baked, tmp_path / "project")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def within(project: Path, *lines: str) -> None:
    """Add lines to the end of the pipeline."""
    code = "".join(f"    {line}\n" for line in lines)
    edit(project / "pipeline.py", "    return save_task", f"{code}    return save_task")
    edit(project / "pipeline.py", "from kfp import dsl\n", "from kfp import dsl, kubernetes\n")


def users(project: Path) -> dict[str, Any]:
    """Return as whom each container of the compiled pipeline runs, by its task.

    By KFP's own protocol, in which a user is a number.
    """
    spec, *platforms = steps.read_documents(compile_here(project))
    platform = json_format.ParseDict(platforms[0] if platforms else {}, PlatformSpec())
    configs = platform.platforms["kubernetes"].deployment_spec.executors
    found = {}
    for label in spec["deploymentSpec"]["executors"]:
        asked = json_format.MessageToDict(configs[label])
        context = json_format.ParseDict(asked, KubernetesExecutorConfig()).security_context
        fields = {field.json_name: value for field, value in context.ListFields()}
        found[label.removeprefix("exec-")] = fields
    return found


def settings(project: Path, text: str) -> None:
    (project / "kubernetes.yaml").write_text(text)


# What is compiled


@pytest.mark.parametrize("starter", ["average", "training"])
def test_every_step_of_the_starters_says_that_it_is_not_root(tmp_path: Path, starter: str) -> None:
    project = bake(tmp_path, starter=starter, project_slug="x")
    found = users(project)
    assert set(found) == {step.name for step in steps.find_steps(project)} and len(found) > 1
    assert [*found.values()] == [ASKED] * len(found)
    assert ASKED.items() <= CONTAINER.items(), "by the names that the pod has"


def test_a_user_and_a_group_arrive_as_the_pod_has_them(project: Path) -> None:
    settings(project, "load: {security: {run_as_user: 1234, run_as_group: 2345}}\n")
    found = users(project)
    assert found["load"] == {key: CONTAINER[key] for key in found["load"]}
    assert set(found["load"]) == {"runAsNonRoot", "runAsUser", "runAsGroup"}
    assert found["load-2"] == found["load"] and found["save"] == ASKED


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "load: {security: {run_as_non_root: false}}": ([False, False], True),
        "load-2: {security: {run_as_non_root: false}}": ([True, False], True),
        "load: {security: {run_as_non_root: true}}": ([True, True], True),
        "load: {security: {run_as_group: 7}}": ([True, True], True),
        "load: {security: {run_as_user: 0, run_as_non_root: false}}": ([False, False], True),
        "load: {memory: 1Gi, timeout: 1h}": ([True, True], True),
    }.items(),
)
def test_a_step_may_be_root_where_the_file_says_so(
    project: Path, text: str, expected: tuple[list[bool], bool]
) -> None:
    settings(project, f"{text}\n")
    found = {name: user.get("runAsNonRoot", False) for name, user in users(project).items()}
    assert ([found["load"], found["load-2"]], found["save"]) == expected


@pytest.mark.parametrize(
    ("line", "user"),
    {
        "kubernetes.set_security_context(save_task, run_as_non_root=False)": {
            "runAsNonRoot": False
        },
        "kubernetes.set_security_context(save_task, run_as_user=5)": {
            "runAsNonRoot": True,
            "runAsUser": 5,
        },
        "kubernetes.set_security_context(save_task, run_as_user=0, run_as_non_root=False)": {
            "runAsNonRoot": False,
            "runAsUser": 0,
        },
        "kubernetes.set_timeout(save_task, 5)": ASKED,
    }.items(),
)
def test_what_pipeline_py_sets_wins(project: Path, line: str, user: dict[str, Any]) -> None:
    settings(project, "save: {security: {run_as_non_root: true}}\n")
    within(project, line)
    assert users(project)["save"] == user
    (project / "kubernetes.yaml").unlink()
    assert users(project)["save"] == user


def test_images_of_others_are_left_as_they_are(project: Path) -> None:
    """They may have to be root: then their pods would never start."""
    within(project, "other()", 'load(context=context).set_container_image("theirs:1")')
    other = '@dsl.component(base_image="python:3.12")\ndef other() -> None: ...\n\n\n@dsl.pipeline'
    edit(project / "pipeline.py", "@dsl.pipeline", other)
    found = users(project)
    assert (found.pop("other"), found.pop("load-3")) == ({}, {})
    assert found == dict.fromkeys(["load", "load-2", "save"], ASKED)


def test_steps_within_another_pipeline_are_not_root_either(project: Path) -> None:
    inner = "@dsl.pipeline\ndef inner(context: dict):\n    load(context=context)\n\n\n"
    outer = '@dsl.pipeline(name="secure")'
    edit(project / "pipeline.py", outer, f"{inner}{outer}")
    within(project, "inner(context=context)")
    found = users(project)
    assert len(found) == 4 and [*found.values()] == [ASKED] * 4


@pytest.mark.parametrize("where", ["pipeline.py", "both"])
def test_a_user_that_is_root_and_is_not_to_be_is_refused(project: Path, where: str) -> None:
    """Kubernetes would never start its container."""
    within(project, "kubernetes.set_security_context(save_task, run_as_user=0)")
    if where == "both":
        settings(project, "save: {security: {run_as_non_root: true}}\n")
    with pytest.raises(WorkbenchError) as caught:
        compile_here(project)
    assert caught.value.status == 2
    assert str(caught.value) == (
        "pipeline.py: the task save runs as user 0, which is root, and run_as_non_root is true: "
        "set both there, or both in kubernetes.yaml"
    )


def test_saying_so_takes_no_import(project: Path) -> None:
    """kfp.kubernetes takes a while; a project without a kubernetes.yaml does without it."""
    code = (
        "import sys\nfrom kfp_workbench.__main__ import main\nassert main(['compile']) == 0\n"
        "assert 'kfp.kubernetes' not in sys.modules\n"
    )
    words = [sys.executable, "-c", code]
    result = subprocess.run(words, cwd=project, env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


# What the file says


@pytest.fixture
def wrong(tmp_path: Path) -> Callable[[str], list[str]]:
    """Return what tells all that is wrong with the settings of a step."""
    (tmp_path / "steps" / "train").mkdir(parents=True)
    (tmp_path / "steps" / "train" / "component.yaml").write_text("name: x")

    def read(text: str) -> list[str]:
        settings(tmp_path, f"train:\n  {text}\n")
        findings = schema.read(Sources(tmp_path))[1]
        return [finding.text.removeprefix("kubernetes.yaml:2: train: ") for finding in findings]

    return read


ROOT = "security.run_as_user: 0 is root, and run_as_non_root is true: write another user, or "
WHOLE = "is no whole number from 0 to 2147483647: write one"


@pytest.mark.parametrize(
    ("text", "said"),
    {
        "security: root": "security: is no mapping: known keys are run_as_non_root, run_as_user, "
        "run_as_group",
        "security: {}": "security: is empty: write some of run_as_non_root, run_as_user, "
        "run_as_group",
        "security:": "security: is empty: give it a value, or leave it out",
        "security: {runAsUser: 1}": "security.runAsUser: there is no such key: write run_as_user",
        "security: {privileged: true}": "security.privileged: there is no such key: known are "
        "run_as_non_root, run_as_user, run_as_group",
        "securityContext: {runAsUser: 1}": "securityContext: there is no such key: write "
        "security: {run_as_non_root: true, run_as_user: 1000}",
        "security: {run_as_non_root: 'yes'}": "security.run_as_non_root: 'yes' is neither true "
        "nor false: write one of them",
        "security: {run_as_user: nobody}": f"security.run_as_user: 'nobody' {WHOLE}",
        "security: {run_as_user: true}": f"security.run_as_user: True {WHOLE}",
        "security: {run_as_user: 1.0}": f"security.run_as_user: 1.0 {WHOLE}",
        "security: {run_as_user: '0'}": f"security.run_as_user: '0' {WHOLE}",
        "security: {run_as_user: }": f"security.run_as_user: None {WHOLE}",
        "security: {run_as_user: 2147483648}": f"security.run_as_user: 2147483648 {WHOLE}",
        "security: {run_as_group: -1}": f"security.run_as_group: -1 {WHOLE}",
        "security: {run_as_user: 0}": f"{ROOT}run_as_non_root: false as well",
        "security: {run_as_user: 0, run_as_non_root: true}": f"{ROOT}run_as_non_root: false as "
        "well",
    }.items(),
)
def test_what_is_wrong_is_one_line(wrong: Callable[[str], list[str]], text: str, said: str) -> None:
    assert wrong(text) == [said]


@pytest.mark.parametrize(
    "text",
    [
        "{run_as_non_root: true}",
        "{run_as_non_root: false}",
        "{run_as_user: 2147483647}",
        "{run_as_group: 0}",  # as our images have it
        "{run_as_user: 0, run_as_non_root: false, run_as_group: 1}",
    ],
)
def test_what_kubernetes_takes_is_right(wrong: Callable[[str], list[str]], text: str) -> None:
    assert wrong(f"security: {text}") == []


# What the image says


@pytest.mark.parametrize(
    ("user", "said"),
    {
        "USER 0": "the image runs as root: write USER 65532:0",
        "USER app": "'app' is no number, and Kubernetes cannot tell it from root: "
        "write USER 65532:0",
        "": "the image runs as its base's user, which may be root: write USER 65532:0",
    }.items(),
)
def test_an_image_that_is_root_or_may_be_needs_leave(project: Path, user: str, said: str) -> None:
    dockerfile = project / "steps" / "load" / "Dockerfile"
    dockerfile.write_text(re.sub("^USER .*$", user, dockerfile.read_text(), flags=re.M))

    def found() -> list[str]:
        texts = [finding.text for finding in check.check_project(project)]
        return [text.partition(": ")[2] for text in texts if text.startswith("steps/")]

    assert found() == [said]
    settings(project, "load-2: {security: {run_as_non_root: false}}\nload: {memory: 1Gi}\n")
    assert found() == [said], "the other tasks would not start"
    settings(project, "load: {security: {run_as_user: 5}}\n")
    assert found() == [said]
    settings(project, "load: {security: {run_as_non_root: false}}\n")
    assert found() == []


# Here


def test_users_are_left_to_a_cluster(project: Path) -> None:
    settings(project, "load: {security: {run_as_user: 5, run_as_group: 6}}\n")
    found = allowances.of(steps.read_documents(compile_here(project)))
    assert found["exec-load"].elsewhere == ("run_as_user", "run_as_group")
    assert found["exec-save"] == allowances.UNLIMITED, "containers here run as the caller"
