"""`make local CACHE=1`: results of unchanged steps are reused, and only those."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.local import record, spec
from kfp_workbench.local.cache import Cache, Entry
from kfp_workbench.local.driver import Begun, Outputs
from kfp_workbench.local.inputs import Inputs
from kfp_workbench.local.metadata import Artifact, Execution
from kfp_workbench.local.store import Store
from shared.baking import make
from shared.typed import make_project

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


def run(project: Path, *words: str, cache: str = "1") -> "subprocess.CompletedProcess[str]":
    return make(project, "local", "RUNNER=process", f"CACHE={cache}", *words, env=NO_ENGINE)


def executed(result: "subprocess.CompletedProcess[str]") -> list[str]:
    """Return the steps that were executed; all others have to be reused."""
    assert result.returncode == 0, result.stderr
    return re.findall(r"^[\d:]+ (\w+): started$", result.stderr, re.M)


@pytest.fixture
def warm(project: Path) -> Path:
    """Return a default project that ran once."""
    assert executed(run(project)) == ["add", "div"]
    return project


def test_unchanged_steps_are_reused(warm: Path) -> None:
    result = run(warm)
    assert executed(result) == []
    assert json.loads(result.stdout)["Output"]["average"] == 2.5
    assert len(re.findall(r"(add|div): reused from an earlier run", result.stderr)) == 2


def test_without_it_nothing_is_reused(warm: Path) -> None:
    assert executed(run(warm, cache="")) == executed(run(warm, cache="0")) == ["add", "div"]


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        path = project / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        (edit("steps/div/main.py", "the average is", "it is"), ["div"]),
        # What it gives is the same, so the step after it need not run.
        (edit("steps/add/main.py", "added up", "summed"), ["add"]),
        (edit("common/values.py", '"""', '"""Changed. '), ["add", "div"]),
        (edit("params/dev.yaml", "4", "5"), ["add", "div"]),
        (edit("steps/add/Dockerfile", "FROM", "# new\nFROM"), ["add"]),
        (edit("README.md", "#", "##"), []),
    ],
    ids=["a-step", "a-step-with-the-same-result", "shared", "parameters", "image", "elsewhere"],
)
def test_what_changed_is_executed(
    warm: Path, change: Callable[[Path], None], steps: list[str]
) -> None:
    change(warm)
    assert executed(run(warm)) == steps


def test_a_failure_is_not_kept(warm: Path) -> None:
    words = "ARGS=-p context='{\"numbers\": []}'"
    for _ in range(2):
        result = run(warm, words)
        assert result.returncode != 0 and "add: started" in result.stderr


def test_a_task_that_wants_none_gets_none(warm: Path) -> None:
    edit(
        "pipeline.py", 'set_display_name("Add")', 'set_display_name("Add").set_caching_options(False)'
    )(warm)  # fmt: skip
    for _ in range(2):
        assert executed(run(warm)) == ["add"]


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with all kinds of artifacts that ran once."""
    project = make_project(tmp_path_factory.mktemp("typed"))
    assert executed(run(project)) == ["make", "read"]
    return project


def test_artifacts_are_reused_too(typed: Path) -> None:
    """Of every type: also metrics, which have no file."""
    first, second = (json.loads(run(typed).stdout) for _ in range(2))
    assert executed(run(typed)) == [] and first == second
    assert first["Output"]["metrics"] == {"metadata": {"accuracy": 0.97, "count": 3}, "content": []}


def test_a_result_outlives_the_run_that_made_it(typed: Path) -> None:
    """Of runs the last twenty are kept: a result that is reused is kept with the last of them."""
    for _ in range(2):
        for folder in sorted((typed / "build" / "local").iterdir())[:-1]:
            shutil.rmtree(folder)
        assert executed(run(typed)) == []
    latest = sorted((typed / "build" / "local").iterdir())[-1]
    found = [item for task in record.read(latest).tasks for item in task.artifacts_out]
    assert {item["key"] for item in found if item["file"]} >= {"artifact", "model"}
    for item in found:
        assert not Path(item["file"]).is_absolute() and (latest / item["file"]).exists()


@pytest.mark.parametrize("harm", ["changed", "removed", "added"])
def test_files_that_are_not_as_they_were_are_made_again(typed: Path, harm: str) -> None:
    latest = sorted(typed.glob("build/local/*/*/**/model/weights"))[-1].parent
    if harm == "changed":
        (latest / "weights").write_bytes(b"other")
    elif harm == "removed":
        (latest / "weights").unlink()
    else:
        (latest / "more").touch()
    result = run(typed)
    assert executed(result) == ["make", "read"]
    assert json.loads(result.stdout)["Output"]["model"]["content"] == ["00ff"]


def test_a_broken_entry_is_no_result(warm: Path) -> None:
    for path in warm.glob("build/cache/*/*.json"):
        path.write_text("{")
    assert executed(run(warm)) == ["add", "div"]


GREET = """\
    import os

    greeting = os.environ.get("GREETING", "none")
    return {**context, "sum": len(greeting)}
"""


def test_a_variable_that_changed_is_said_and_not_heeded(project: Path) -> None:
    """As on a cluster, where it has no part in what a task is known by."""
    edit("steps/add/main.py", "    numbers = ", f"{GREET}    numbers = ")(project)

    def given(greeting: str) -> "subprocess.CompletedProcess[str]":
        (project / "kubernetes.yaml").write_text(f"add: {{env: {{GREETING: {greeting}}}}}\n")
        return run(project)

    assert executed(given("hi")) == ["add", "div"]
    again = given("hello")
    assert executed(again) == []
    assert "add: reused, as KFP does, although the variable GREETING changed" in again.stderr
    assert "although" not in given("hi").stderr
    kept = "".join(path.read_text() for path in project.glob("build/cache/*/*.json"))
    assert "hello" not in kept


def begun(**inputs: Any) -> Begun:
    """Return a task that its driver has begun."""
    given = Inputs({"n": 1.0, **inputs}, {})
    return Begun(Execution(1, "container", "add", 0), given, outputs=Outputs({}, {}, "/x"))


def component(**outputs: str) -> spec.Component:
    return spec.Component("comp-add", {}, {}, outputs, {})


CONTAINER: dict[str, Any] = {"image": "r/add:1", "command": ["a"], "args": ["b"]}


def cache_in(folder: Path, lines: list[str] | None = None, **names: Any) -> Cache:
    said = [] if lines is None else lines
    given = {"pipeline": "p", "contents": {}, "workspace": "run-1", "run": folder, **names}
    return Cache(folder, say=said.append, **given)


def test_results_that_cannot_be_kept_are_said_once(tmp_path: Path) -> None:
    lines: list[str] = []
    kept = cache_in(tmp_path, lines)
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").mkdir()
        kept.keep(Entry(name, {}), begun().execution, Store(None))
    (line,) = lines
    assert line.startswith(f"no result is kept for another time: cannot write {tmp_path}/one.json")


def test_no_place_for_results_is_one_line(project: Path) -> None:
    (project / "build").mkdir(exist_ok=True)
    (project / "build" / "cache").write_text("")
    result = run(project)
    assert result.returncode != 0 and "started" not in result.stderr
    line = (
        r"^error: no result can be kept \(.*/build/cache: File exists\): make clean, or no CACHE=1$"
    )
    assert re.search(line, result.stderr, re.M)


def test_what_is_kept_is_for_its_owner_only(warm: Path) -> None:
    for name in ("cache", "local"):
        assert (warm / "build" / name).stat().st_mode & 0o777 == 0o700


def key(folder: Path, made: spec.Component, task: Begun, image: Any = None, **names: Any) -> str:
    entry = cache_in(folder, **names).entry(made, {**CONTAINER, **(image or {})}, task, Store(None))
    assert entry is not None
    return entry.key


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({}, True),
        ({"image": {"env": [{"name": "A", "value": "b"}]}}, True),
        ({"image": {"image": "r/add:2"}}, False),
        ({"image": {"args": ["c"]}}, False),
        ({"made": component(sum="STRING")}, False),
        ({"task": begun(n=2.0)}, False),
        ({"pipeline": "other"}, False),
        ({"workspace": "run-2"}, True),
        ({"contents": {"r/add:1": "other"}}, False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_result_is_known_by_what_kfp_looks_at(
    tmp_path: Path, changes: dict[str, Any], is_same: bool
) -> None:
    same: dict[str, Any] = {"made": component(), "task": begun()}
    assert (key(tmp_path, **{**same, **changes}) == key(tmp_path, **same)) == is_same


def test_a_task_in_the_workspace_is_another_one_in_each_run(tmp_path: Path) -> None:
    task = begun(folder="/kfp-workspace/a")
    keys = {key(tmp_path, component(), task, workspace=name) for name in ("run-1", "run-2")}
    assert len(keys) == 2


def test_what_cannot_be_read_is_left_to_its_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "objects" / "gcs" / "bucket" / "closed").mkdir(parents=True)
    taken = Artifact(1, "gs://bucket/closed", "system.Dataset", {})
    task = begun()
    task.inputs.artifacts["data"] = [taken]

    def closed(path: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", closed)
    entry = cache_in(tmp_path).entry(component(), CONTAINER, task, Store(tmp_path / "objects"))
    assert entry is not None and entry.unseen == {"what is at gs://bucket/closed": ""}


def test_processes_and_containers_do_not_share(warm: Path, client: Any) -> None:
    result = make(warm, "local", "RUNNER=docker", "CACHE=1")
    assert executed(result) == ["add", "div"]
    assert executed(make(warm, "local", "RUNNER=docker", "CACHE=1")) == []


@pytest.mark.parametrize("value", ["2", "yes", "$(touch pwned)"])
def test_another_value_is_refused(project: Path, value: str) -> None:
    result = run(project, cache=value)
    assert result.returncode != 0 and "started" not in result.stderr
    assert f"error: CACHE={value!r}: write CACHE=1, or leave it away" in result.stderr
    assert not (project / "pwned").exists()
