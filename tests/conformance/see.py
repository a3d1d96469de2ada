"""Prints in one line what a container was given, and does what the words on its command line ask.

The line is ``SEE`` and a JSON object; cases are compared by it. Words that ask for nothing are only
told.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Seen = dict[str, Any]
SCHEMES = {"minio://": "/minio/", "s3://": "/s3/", "gs://": "/gcs/"}


def main(words: list[str]) -> int:
    """Do what the words ask for, print what was seen, and return the status to end with."""
    seen: Seen = {"argv": words}
    waiting = list(words)
    while waiting:
        action, count = ACTIONS.get(waiting.pop(0), (None, 0))
        taken = [waiting.pop(0) for _ in range(count)]
        if action:
            action(seen, *taken)
    status = int(seen.pop("status", 0))
    _publish(seen)
    print("SEE", json.dumps(seen, sort_keys=True), flush=True)
    return status


def _write(seen: Seen, path: str, text: str) -> None:
    _parent(Path(path)).write_text(text, encoding="utf-8")


def _fill(seen: Seen, folder: str) -> None:
    for name in ("a", "b"):
        _write(seen, f"{folder}/{name}.txt", name)


def _read(seen: Seen, name: str) -> None:
    path = Path(name)
    found: list[str] | str | None = None
    if path.is_dir():
        found = sorted(inner.name for inner in path.iterdir())
    elif path.is_file():
        found = path.read_text(encoding="utf-8")
    seen.setdefault("files", []).append(found)


def _variable(seen: Seen, name: str) -> None:
    seen.setdefault("env", {})[name] = os.environ.get(name)


def _sleep(seen: Seen, seconds: str) -> None:
    time.sleep(float(seconds))


def _fail(seen: Seen, status: str) -> None:
    seen["status"] = status


def _input(seen: Seen, text: str) -> None:
    seen["executor_input"] = json.loads(text)


def _copy(seen: Seen, source: str, target: str) -> None:
    _parent(Path(target)).write_bytes(Path(source).read_bytes())


def _parameter(seen: Seen, name: str, text: str) -> None:
    """Publish a parameter, whatever its file holds."""
    seen.setdefault("output", {}).setdefault("parameterValues", {})[name] = json.loads(text)


def _artifact(seen: Seen, name: str, metadata: str, text: str) -> None:
    """Write an artifact, and its metadata into the executor's output."""
    artifact = seen["executor_input"]["outputs"]["artifacts"][name]["artifacts"][0]
    path = artifact["uri"]
    for scheme, folder in SCHEMES.items():
        if path.startswith(scheme):
            path = folder + path.removeprefix(scheme)
    _write(seen, path, text)
    made = seen.setdefault("output", {}).setdefault("artifacts", {})
    made[name] = {"artifacts": [{**artifact, "metadata": json.loads(metadata)}]}


def _publish(seen: Seen) -> None:
    if "output" in seen:
        _write(seen, seen["executor_input"]["outputs"]["outputFile"], json.dumps(seen["output"]))


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


# What a word does, and how many of the words after it belong to it.
ACTIONS: dict[str, tuple[Callable[..., None], int]] = {
    "--out": (_write, 2),
    "--out-dir": (_fill, 1),
    "--cat": (_read, 1),
    "--env": (_variable, 1),
    "--sleep": (_sleep, 1),
    "--fail": (_fail, 1),
    "--input": (_input, 1),
    "--copy": (_copy, 2),
    "--publish": (_parameter, 2),
    "--artifact": (_artifact, 3),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
