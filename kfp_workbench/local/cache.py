"""Reuses what a task has made before, exactly as KFP does: by what its driver looks at.

That is its inputs as resolved, the image, the command line as written, the names and types of its outputs,
and the workspace, which is another one in each run
(https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/cacheutils/cache.go). Input artifacts
count by their numbers, not by what is in them; variables, limits and secrets do not count. A result
whose files are no longer as they were is made anew.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench import files
from kfp_workbench.digests import sha256
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import spec
from kfp_workbench.local.driver import Begun
from kfp_workbench.local.metadata import Artifact, Execution
from kfp_workbench.local.store import Store, linked, state
from kfp_workbench.local.values import proto_json

_IMPORTS = "imports.json"


class Entry(NamedTuple):
    """Where a task's result is kept, and what KFP does not look at."""

    key: str
    unseen: Mapping[str, str]


class Found(NamedTuple):
    """A result that can be reused."""

    parameters: Mapping[str, Any]
    artifacts: Mapping[str, Artifact]
    files: Sequence[tuple[Artifact, Path | None]]
    changed: str  # what has changed that KFP does not look at, for people


class Cache:
    """The results of earlier runs; in ``folder``, or nowhere.

    ``contents`` gives the content of an image by its name, as a digest may stand in a file that is older
    than a step. ``workspace`` names the run's, ``run`` is the run's folder. Where results cannot be
    kept, ``say`` is told, once.
    """

    def __init__(
        self,
        folder: Path | None,
        pipeline: str,
        contents: Mapping[str, str],
        workspace: str,
        run: Path,
        say: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._pipeline = pipeline
        self._contents = contents
        self._workspace = workspace
        self._run = run
        self._say = say
        self._keeps = True

    def entry(
        self,
        component: spec.Component,
        container: Mapping[str, Any],
        begun: Begun,
        store: Store,
    ) -> Entry | None:
        """Return where a task's result is kept, or would be; None without a cache."""
        if self._folder is None or begun.outputs is None:
            return None
        image = str(container["image"])
        key = {
            "pipeline": self._pipeline,
            "artifacts": {
                name: [str(item.id) for item in several]
                for name, several in begun.inputs.artifacts.items()
            },
            "parameters": begun.inputs.parameters,
            "outputs": dict(component.outputs),
            "made": dict(component.output_artifacts),
            "command": [*container.get("command", []), *container.get("args", [])],
            "image": image,
            "content": self._contents.get(image, ""),
            "workspace": self._workspace if begun.inputs.in_workspace else "",
        }
        unseen = {
            f"the variable {item['name']}": _digest(str(item.get("value", "")))
            for item in container.get("env", [])
        }
        for several in begun.inputs.artifacts.values():
            unseen |= {
                f"what is at {item.uri}": _state_digest(path)
                for item in several
                if (path := store.imported(item.uri))
            }
        return Entry(_digest(proto_json(spec.constant(key))), unseen)

    def find(self, entry: Entry | None, number: int) -> Found | None:
        """Return the result that is kept for the execution ``number``, if it is whole.

        Its files are kept in this run's folder from now on: that of the earlier one is removed some
        day.
        """
        if entry is None or self._folder is None:
            return None
        try:
            kept = json.loads((self._folder / f"{entry.key}.json").read_text(encoding="utf-8"))
            artifacts = {name: Artifact(**item) for name, item in kept["artifacts"].items()}
            paths = {name: Path(path) if path else None for name, path in kept["files"].items()}
            if any(_state(path) != kept["states"][name] for name, path in paths.items()):
                return None
            unseen = kept["unseen"]
            paths = {
                name: path and self._brought(path, number, name) for name, path in paths.items()
            }
        except (OSError, ValueError, KeyError, TypeError):
            return None  # not there, or of another version
        if any(paths.values()):
            self._write(f"{entry.key}.json", {**kept, **_described(paths)})
        return Found(
            spec.constant(kept["parameters"]),
            artifacts,
            [(artifact, paths[name]) for name, artifact in artifacts.items()],
            _changed(unseen, entry.unseen),
        )

    def keep(self, entry: Entry, execution: Execution, store: Store) -> None:
        """Keep a task's result, and the state of its files."""
        paths = {name: store.known(item.uri) for name, item in execution.output_artifacts.items()}
        kept = {
            "parameters": execution.outputs,
            "artifacts": {
                name: item._asdict() for name, item in execution.output_artifacts.items()
            },
            **_described(paths),
            "unseen": dict(entry.unseen),
        }
        self._write(f"{entry.key}.json", kept)

    def imports(self) -> list[Artifact]:
        """Return what earlier runs have imported."""
        try:
            assert self._folder is not None
            text = (self._folder / _IMPORTS).read_text(encoding="utf-8")
            return [Artifact(**item) for item in json.loads(text)[self._pipeline]]
        except (OSError, ValueError, KeyError, TypeError, AssertionError):
            return []

    def keep_imports(self, imported: Sequence[Artifact]) -> None:
        """Keep what this run and earlier ones have imported."""
        if self._folder is not None and imported:
            items = {item.id: item._asdict() for item in imported}
            self._write(_IMPORTS, {self._pipeline: list(items.values())})

    def _brought(self, path: Path, number: int, name: str) -> Path:
        """Let what an earlier run has left lie in this one's folder, too; return where it is."""
        if not path.is_relative_to(self._run.parent):
            return path  # a step has put it somewhere else, where nobody removes it
        place = self._run / "reused" / str(number) / name
        linked(path, place)
        return place

    def _write(self, name: str, content: Any) -> None:
        assert self._folder is not None
        try:
            files.write(self._folder / name, json.dumps(content))
        except WorkbenchError as error:
            if self._keeps:
                self._say(f"no result is kept for another time: {error}")
            self._keeps = False


def open_folder(folder: Path) -> Path:
    """Return a folder for results, made if need be; raises WorkbenchError (1) without one."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # results may be secret
        folder.mkdir(mode=0o700, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied", str(folder))
    except OSError as error:
        where = f"{error.filename}: {error.strerror}"
        raise WorkbenchError(
            f"no result can be kept ({where}): make clean, or no CACHE=1"
        ) from None
    return folder


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _state_digest(path: Path) -> str:
    try:
        return _digest(json.dumps(_state(path)))
    except OSError:  # of which the task that takes it fails
        return ""


def _described(paths: Mapping[str, Path | None]) -> dict[str, Any]:
    return {
        "files": {name: str(path) if path else None for name, path in paths.items()},
        "states": {name: _state(path) for name, path in paths.items()},
    }


def _state(path: Path | None) -> Any:
    return None if path is None else [list(item) for item in state(path)]


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return f"{', '.join(names)} changed" if names else ""
