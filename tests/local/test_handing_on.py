"""A step that gives its input's address to its output: nothing is lost, as on a cluster.

There its launcher uploads the copy that the step had, or leaves what is at that address.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from kfp_workbench.local import record, store
from kfp_workbench.local.execution import Run, Setting
from kfp_workbench.local.runners import Job, Write
from shared.flows import Maker

DATASET = {"artifactType": {"schemaTitle": "system.Dataset"}}
INPUTS = {
    "make": {},
    "pass": {"data": ("make", "data")},
    "look": {"data": ("make", "data"), "same": ("pass", "same")},
    "take": {"same": ("pass", "same")},
}
OUTPUTS = {"make": ["data"], "pass": ["same"], "look": [], "take": []}


def task(name: str) -> dict[str, Any]:
    sources = {
        key: {"taskOutputArtifact": {"producerTask": task, "outputArtifactKey": made}}
        for key, (task, made) in INPUTS[name].items()
    }
    return {"componentRef": {"name": name}, "inputs": {"artifacts": sources}}


def component(name: str) -> dict[str, Any]:
    return {
        "executorLabel": name,
        "inputDefinitions": {"artifacts": dict.fromkeys(INPUTS[name], DATASET)},
        "outputDefinitions": {"artifacts": dict.fromkeys(OUTPUTS[name], DATASET)},
    }


COMPILED = {
    "pipelineInfo": {"name": "flow"},
    "components": {name: component(name) for name in INPUTS},
    "deploymentSpec": {
        "executors": {
            name: {"container": {"image": name, "command": [name], "args": ["{{$}}"]}}
            for name in INPUTS
        }
    },
    "root": {"dag": {"tasks": {name: task(name) for name in INPUTS}}},
}

Said = dict[str, Any]
Open = Callable[[str], Path]


class Steps(Maker):
    """Makes a folder, lets ``hand_on`` say what becomes of it, and reads what a step is given then."""

    def __init__(self, hand_on: Callable[[Said, Open], Said], *, is_rooted: bool) -> None:
        super().__init__()
        self._hand_on, self.is_rooted = hand_on, is_rooted
        self.found: dict[str, str | None] = {}

    def run(self, job: Job, write: Write, stop: Event) -> int:
        """Run a job."""
        said = json.loads(job.command[1])
        shared = {one.seen: one.path for one in job.shared}

        def opened(uri: str) -> Path:
            path = uri.replace("minio://", "/minio/")
            return shared.get(path) or (job.place.host(path) if self.is_rooted else Path(path))

        if job.image == "make":
            folder = opened(address(said, "outputs", "data"))
            (folder / "part").mkdir(parents=True)
            (folder / "part" / "file").write_text("content")
        elif job.image == "pass":
            published = {"same": {"artifacts": [self._hand_on(said, opened)]}}
            file = said["outputs"]["outputFile"]
            path = job.place.host(file) if self.is_rooted else Path(file)
            path.write_text(json.dumps({"artifacts": published}))
        else:
            for name in said["inputs"]["artifacts"]:
                file = next(opened(address(said, "inputs", name)).rglob("file"), None)
                self.found[f"{job.image} {name}"] = file.read_text() if file else None
        return 0


def address(said: Said, kind: str, name: str) -> str:
    return str(said[kind]["artifacts"][name]["artifacts"][0]["uri"])


def as_it_is(said: Said, opened: Open) -> Said:
    return {"uri": address(said, "inputs", "data")}


def a_part(said: Said, opened: Open) -> Said:
    return {"uri": f"{address(said, 'inputs', 'data')}/part"}


def by_its_path(said: Said, opened: Open) -> Said:
    return {"customPath": address(said, "inputs", "data").replace("minio://", "/minio/")}


def changed(said: Said, opened: Open) -> Said:
    (opened(address(said, "inputs", "data")) / "part" / "file").write_text("changed")
    return as_it_is(said, opened)


def run(folder: Path, steps: Steps) -> record.Run:
    folder.mkdir(exist_ok=True)
    return Run([COMPILED], {}, Setting(folder, steps)).execute()


def found(data: str, same: str | None) -> Mapping[str, str | None]:
    return {"look data": data, "look same": same, "take same": same}


@pytest.mark.parametrize("is_rooted", [False, True], ids=["process", "container"])
@pytest.mark.parametrize(
    ("hand_on", "content"),
    [(as_it_is, "content"), (a_part, "content"), (by_its_path, "content"), (changed, "changed")],
)
def test_a_copy_that_is_handed_on_stays(
    tmp_path: Path, hand_on: Callable[[Said, Open], Said], content: str, is_rooted: bool
) -> None:
    steps = Steps(hand_on, is_rooted=is_rooted)
    assert run(tmp_path / "run", steps).state == "succeeded"
    assert steps.found == found(content, content)


@pytest.fixture
def all_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LARGE", 3)
    monkeypatch.setattr(store, "_cloned", lambda source, target: False)


@pytest.mark.usefixtures("all_is_large")
@pytest.mark.parametrize("is_rooted", [False, True], ids=["process", "container"])
def test_a_task_that_changes_what_is_shared_fails(tmp_path: Path, is_rooted: bool) -> None:
    noted = run(tmp_path / "run", Steps(changed, is_rooted=is_rooted))
    assert noted.state == "failed"
    assert noted.error.startswith("pass: it has changed an artifact that others share: ")


@pytest.mark.usefixtures("all_is_large")
@pytest.mark.parametrize("is_rooted", [False, True], ids=["process", "container"])
def test_what_is_shared_stays(tmp_path: Path, is_rooted: bool) -> None:
    steps = Steps(as_it_is, is_rooted=is_rooted)
    assert run(tmp_path / "run", steps).state == "succeeded"
    assert steps.found == found("content", "content")


def test_other_copies_are_removed(tmp_path: Path) -> None:
    steps = Steps(lambda said, opened: {}, is_rooted=False)
    noted = run(tmp_path / "run", steps)
    assert steps.found == found("content", None)
    assert [str(path) for path in (tmp_path / "run").rglob("file")] == [
        str(tmp_path / "run" / noted.tasks[0].artifacts_out[0]["file"] / "part" / "file")
    ]
