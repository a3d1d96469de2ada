"""The process that compiles a pipeline for `make check`; `kfp_workbench.pipeline.viewing` starts it.

``python -m kfp_workbench.pipeline.looking FILE``, in the project's folder, writes one JSON object.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.pipeline import tools
from kfp_workbench.pipeline.view import View, as_json
from kfp_workbench.pipeline.viewing import counts, digest_of
from kfp_workbench.project import settings, steps
from kfp_workbench.project.findings import Finding


def look(root: Path) -> str:
    """Return the view of the project in ``root``, with what it was made of, as JSON."""
    with _reading(root) as read:
        view = _view(root)
    made_of = {name: digest_of(root / name) for name in sorted({".", "pyproject.toml", *read})}
    return json.dumps({"tools": tools.state(), "read": made_of, "view": as_json(view)})


def _view(root: Path) -> View:
    from kfp_workbench.pipeline import compiling  # isort: skip  # which makes kfp light, first
    from kfp_workbench.pipeline import asking, origins, refusals, scopes

    with origins.noted(root) as lines, asking.noted(root) as asked:
        try:
            pipeline = compiling.made(settings.load(root, environ={}), root)
        except WorkbenchError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and not refusals.missing(cause, root):
                # A network, or a file that is elsewhere.
                return View(hindered=f"cannot be compiled here ({cause})")
            return View(wrong=[_finding(line) for line in str(error).splitlines()])
    wrong = [
        Finding(*_place(lines, task), what, cure)
        for task, what, cure in scopes.problems(pipeline.pipeline_spec)
    ]
    wrong += [Finding(*line, *_ASKS) for line in sorted(set(asked))]
    return View(_documents(pipeline), lines, list(steps.declared_images(root)), wrong)


_ASKS = (
    "asks in Python for what only a run would tell, and always gets a yes",
    "use dsl.If; for `and` nest two of them, for `or` write dsl.Elif",
)


def _documents(pipeline: Any) -> list[Any]:
    from google.protobuf import json_format

    messages = [pipeline.pipeline_spec, pipeline.platform_spec]
    return [json_format.MessageToDict(message) for message in messages]


def _finding(message: str) -> Finding:
    """Return what an error says, which begins with its place and ends with its cure."""
    path, _, rest = message.partition(":")
    number, _, after = rest.partition(":")
    line, rest = (int(number), after) if number.strip().isdigit() else (1, rest)
    what, colon, cure = rest.strip().rpartition(": ")
    return Finding(path, line, what, cure) if colon else Finding(path, line, cure, "mend it")


def _place(lines: Any, task: str) -> tuple[str, int]:
    found = [tasks[task] for tasks in lines.values() if task in tasks]
    return found[-1] if found else ("pipeline.py", 1)


@contextlib.contextmanager
def _reading(root: Path) -> Iterator[set[str]]:
    """Yield the files below ``root`` that are read in the block, and the folders looked into."""
    found: set[str] = set()
    active = [True]

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if active and event in ("open", "os.listdir", "os.scandir"):
            found.update(_below(root, args[0]))

    sys.addaudithook(hook)  # for the rest of this process; there is no way to take it back
    try:
        yield found
    finally:
        active.clear()


def _below(root: Path, path: object) -> Iterator[str]:
    """Yield the name below ``root`` of a path, if it may matter."""
    if isinstance(path, (str, bytes, os.PathLike)):  # no descriptor, and not the present folder
        name = Path(os.path.relpath(root / os.fsdecode(path), root))
        if os.pardir not in name.parts and all(map(counts, name.parts)):
            yield name.as_posix()


def main() -> None:
    """Write the view of the project in the present folder to the file that is named."""
    Path(sys.argv[1]).write_text(look(settings.ROOT), encoding="utf-8")


if __name__ == "__main__":
    main()
