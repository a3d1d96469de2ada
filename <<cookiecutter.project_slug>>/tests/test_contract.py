"""The contract between a step's script, its component.yaml, its Dockerfile and the project."""

import ast
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ops import steps
from ops.settings import Settings
from ops.steps import Step

each_step: Callable[..., Any] = pytest.mark.parametrize(
    "step", steps.find_steps(), ids=lambda step: step.name
)


def component(step: Step) -> dict[str, Any]:
    """Return a step's component.yaml."""
    text = (step.folder / "component.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def container(step: Step) -> dict[str, Any]:
    """Return the container part of a step's component.yaml."""
    content: dict[str, Any] = component(step)["implementation"]["container"]
    return content


def flags(step: Step) -> dict[str, bool]:
    """Return the flags that a script reads, and whether each is required, without running it."""
    tree = ast.parse((step.folder / "main.py").read_text(encoding="utf-8"))
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            required = any(
                word.arg == "required" and getattr(word.value, "value", False)
                for word in node.keywords
            )
            found[ast.literal_eval(node.args[0])] = required
    return found


@each_step
def test_a_step_is_complete(step: Step) -> None:
    """Each step has the four files."""
    for name in ("main.py", "requirements.txt", "Dockerfile", "component.yaml"):
        assert (step.folder / name).is_file(), f"steps/{step.name}/{name} is missing"


@each_step
def test_the_arguments_are_the_flags_of_the_script(step: Step) -> None:
    """Every flag given is one that the script knows; every required one is given."""
    given = {word for word in container(step)["args"] if isinstance(word, str)}
    known = flags(step)
    assert given <= set(known), "component.yaml gives a flag that main.py does not read"
    assert {flag for flag, required in known.items() if required} <= given


@each_step
def test_every_input_and_output_is_used_once(step: Step) -> None:
    """An output that no argument writes would be missing only on the cluster."""
    content = component(step)
    used = [
        (kind, name)
        for word in container(step)["args"]
        if isinstance(word, dict)
        for kind, name in word.items()
    ]
    inputs = {item["name"] for item in content.get("inputs", [])}
    outputs = {item["name"] for item in content.get("outputs", [])}
    assert {name for kind, name in used if kind.startswith("input")} == inputs
    assert {name for kind, name in used if kind.startswith("output")} == outputs
    assert len(used) == len(set(used))


@each_step
def test_the_command_is_the_entrypoint(step: Step) -> None:
    """A cluster uses the one and never the other."""
    dockerfile = (step.folder / "Dockerfile").read_text(encoding="utf-8")
    match = re.search(r"^ENTRYPOINT (\[.*\])$", dockerfile, re.M)
    assert match, "write ENTRYPOINT as a list"
    assert container(step)["command"] == json.loads(match.group(1))


@each_step
def test_the_image_is_in_the_projects_registry_without_a_tag(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tag is filled in by `make compile`."""
    monkeypatch.delenv("REGISTRY", raising=False)
    from ops import settings

    assert container(step)["image"] == steps.image_name(step, settings.load())


@each_step
def test_the_image_is_pinned_and_not_root(step: Step) -> None:
    """A moving base or a root user has no place on a shared cluster."""
    dockerfile = (step.folder / "Dockerfile").read_text(encoding="utf-8")
    (base,) = re.findall(r"^FROM (\S+)$", dockerfile, re.M)
    assert re.search(r"(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$", base)
    users = re.findall(r"^USER (\d+)(?::\d+)?$", dockerfile, re.M)
    assert users and int(users[-1]) > 0


def test_the_tag_changes_with_the_content(project: Settings) -> None:
    """Two steps never share an image."""
    images = [steps.reference(step, project) for step in steps.find_steps()]
    assert len(set(images)) == len(images)
    assert all(re.fullmatch(r".+/[a-z0-9-]+:[0-9a-f]{16}", image) for image in images)
