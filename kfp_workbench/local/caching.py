"""Reuses the results of unchanged steps in local runs, through kfp's own local cache.

kfp 2.17 looks its cache up by an attribute, `kfp.local.cache.get_local_cache`, at every task, and
decides by it what to execute: a task that succeeded with the same image, command line and
arguments, and has ``enable_cache``. Two things about it would go wrong here, and are different in
ours: an image pinned by digest has another key than the same content with a tag; and a result
with an artifact that has no file, as metrics have none, counts as lost. Ours also looks at
whether the files that a result names are still as they were.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kfp.dsl import executor
from kfp.local import cache

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError


@contextlib.contextmanager
def reusing(
    folder: Path,
    tags: Mapping[str, str],
    variables: Callable[[], Mapping[str, str]],
    say: Callable[[str], None],
) -> Iterator[None]:
    """Let kfp reuse what is in ``folder``; ``tags`` gives the content tags of images.

    ``variables`` returns those that a thread's task is given beside the compiled ones. Where
    results cannot be kept, ``say`` is told, once. Raises WorkbenchError (1) without a folder.
    """
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # results may be secret
        ours = _Cache(folder, tags, variables, say)
    except OSError as error:
        where = f"{error.filename}: {error.strerror}"
        raise WorkbenchError(
            f"no result can be kept ({where}): make clean, or no CACHE=1"
        ) from None
    original = cache.get_local_cache
    cache.get_local_cache = lambda: ours
    try:
        yield
    finally:
        cache.get_local_cache = original


class _Cache(cache.LocalCache):  # type: ignore[misc]  # kfp has no types
    def __init__(
        self,
        folder: Path,
        tags: Mapping[str, str],
        variables: Callable[[], Mapping[str, str]],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(str(folder))
        self._folder = folder
        self._tags = tags
        self._variables = variables
        self._say = say
        self._keeps = True

    def compute_key(self, *, image: str, arguments: Mapping[str, Any], **rest: Any) -> str:
        """Return kfp's key, of the image's content, the artifacts' files and all variables."""
        states, variables = _states(arguments), dict(self._variables())
        given = {"arguments": arguments, "files": states, "variables": variables}
        return str(super().compute_key(image=self._tags.get(image, image), arguments=given, **rest))

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the outputs that were kept, if their files are as they were then."""
        try:
            entry = json.loads((self._folder / f"{key}.json").read_text(encoding="utf-8"))
            if any(_state(path) != state for path, state in entry["files"].items()):
                return None
            return {name: _revived(value) for name, value in entry["outputs"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # of another version, or not there

    def put(self, key: str, outputs: Mapping[str, Any]) -> None:
        """Keep the outputs of a task, and the state of their files."""
        entry = {"outputs": self._serialize_outputs(outputs), "files": _states(outputs)}
        try:
            files.write(self._folder / f"{key}.json", json.dumps(entry))
        except WorkbenchError as error:
            if self._keeps:
                self._say(f"no result is kept for another time: {error}")
            self._keeps = False


def _states(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the states of the files of all artifacts among values, by path."""
    found = {}
    for value in values.values():
        for item in value if isinstance(value, list) else [value]:
            if uri := getattr(item, "uri", None):
                found[uri] = _state(uri)
    return found


def _state(uri: str) -> list[list[Any]] | None:
    """Return what tells whether a file or folder has changed: sizes and times; None without one."""
    path = Path(uri)
    try:
        paths = [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]
        status = [item.stat() for item in paths]
    except (OSError, ValueError):  # or at an address
        return None
    return [
        [str(item), found.st_size, found.st_mtime_ns]
        for item, found in zip(paths, status, strict=True)
    ]


def _revived(value: Any) -> Any:
    """Return an output as kfp has it: kept artifacts are artifacts again."""
    if isinstance(value, dict) and value.get(cache._ARTIFACT_MARKER):
        return _artifact(value)
    if isinstance(value, dict) and value.get(cache._ARTIFACT_LIST_MARKER):
        return [_artifact(item) for item in value["artifacts"]]
    return value


def _artifact(kept: Mapping[str, Any]) -> Any:
    return executor.create_artifact_instance(
        {
            "name": kept["name"],
            "uri": kept["uri"],
            "metadata": kept["metadata"],
            "type": {"schemaTitle": kept["schema_title"]},
        }
    )
