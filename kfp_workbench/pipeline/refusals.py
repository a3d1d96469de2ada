"""What kfp refuses, in one line: where in the project, and why."""

import contextlib
import os
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from kfp.dsl.for_loop import Collected

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.pipeline.task_outputs import NoOutputError
from kfp_workbench.project.names import called, in_kubernetes
from kfp_workbench.project.steps import find_steps, read_yaml

MAX_REASON = 300  # characters; kfp quotes whole components
# What kfp says of a value that only a run tells, where Python wanted it at once; and the cure.
_CURES = (
    ("no attribute 'left_operand'", "compare it, as in dsl.If(flag == True)"),
    ("Got constant boolean", "compare an output or a parameter, by ==, !=, <, <=, > or >="),
    ("bad argument type for built-in operation", "write a text, or hand it over as an argument"),
    ("Channel' object is not (subscriptable|iterable)", "hand it to a step, which takes its parts"),
    ("ArtifactChannel' object has no attribute", "hand it to a step, which has its path"),
    ("(operand type|argument must be).*Channel'", "let a step compute that"),
    ("(Channel|Collected)' has no len", "let a step compute that"),
    (
        "Illegal task dependency across",
        "use dsl.Collected or dsl.OneOf, or put both into one block",
    ),
    (
        "'NUMBER_INTEGER' is incompatible with .*'NUMBER_DOUBLE'",
        "let the step take an int, or write 1.0",
    ),
    (r"list\.remove\(x\)", "a task comes after itself: leave that .after out"),
    ("Value must be one of the following types: .*None", "leave out what is None"),
)
_WRAPPING = " failed with exception:"  # ends the lines before what kfp begins to quote


def refused(error: BaseException, root: Path) -> WorkbenchError:
    """Return what to say of an error that came up while ``pipeline.py`` was loaded or compiled."""
    if component := _component(error.__traceback__, root):
        cure = "make check says where, and what to write"
        return WorkbenchError(f"{component}: kfp does not take it ({_reason(error)}): {cure}", 2)
    if file := missing(error, root):
        reason = f"loads {file}, which is not there: put it back, or take it out here"
        return WorkbenchError(f"{_place(error, root)}: {reason}", 2)
    reason = _collected(error.__traceback__) or _reason(error)
    said = named(reason, root)
    cures = (cure for words, cure in _CURES if re.search(words, reason))
    if to_do := next(cures, None):
        said = f"{said.rstrip('.')}: {to_do}"
    return WorkbenchError(f"{_place(error, root)}: {said}", 2)


def missing(error: BaseException | None, root: Path) -> str | None:
    """Return the file of the project that an error says is not there, if it says so."""
    if not isinstance(error, FileNotFoundError) or not error.filename:
        return None
    path = Path(os.fsdecode(error.filename))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None


@contextlib.contextmanager
def by_folder(root: Path) -> Iterator[None]:
    """Have what is refused within name the folders of steps: see `named`."""
    try:
        yield
    except WorkbenchError as error:
        raise WorkbenchError(named(str(error), root), error.status) from error


def named(text: str, root: Path) -> str:
    """Return a text with the folders of steps in place of what kfp calls their components."""
    for name, folder in _names(root):
        text = re.sub(rf"(?<![\w./-]){re.escape(name)}(?![\w/-])", folder, text)
    return text


def _names(root: Path) -> Iterator[tuple[str, str]]:
    """Return components' names, as written and as kfp has them, with what to say for each."""
    for step in find_steps(root):
        try:
            name = read_yaml(step.folder / "component.yaml")["name"]
        except (WorkbenchError, LookupError, TypeError):
            continue
        names = {str(name), in_kubernetes(str(name))}
        for written in sorted(names - {"", step.name, step.image_name}):
            yield written, f"steps/{step.name}"


def _component(trace: TracebackType | None, root: Path) -> str | None:
    """Return the component that kfp was reading, if it was, below the project's folder."""
    for frame, _ in traceback.walk_tb(trace):
        if frame.f_code.co_name == "load_component_from_file":
            path = Path(str(frame.f_locals.get("file_path"))).absolute()
            if path.is_relative_to(root) and path.is_file():
                return path.relative_to(root).as_posix()
    return None


def _collected(trace: TracebackType | None) -> str | None:
    """Return what to say where kfp's compiler stumbles over a list of artifacts, if it did.

    It takes one for a parameter where a loop, a condition or an exit handler is given it.
    """
    for frame, _ in traceback.walk_tb(trace):
        channel = frame.f_locals.get("channel")
        is_there = frame.f_code.co_name == "build_component_spec_for_group"
        if is_there and isinstance(channel, Collected):
            what = f"a loop's {called(channel.name)} is collected within a block"
            cure = "let a step before the block take the list, and hand on what that makes"
            return f"{what}, which kfp takes for no artifacts: {cure}"
    return None


def _place(error: BaseException, root: Path) -> str:
    """Return the project's own file and line in which ``error`` came up."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).parent == root]
    return f"pipeline.py:{ours[-1].lineno}" if ours else "pipeline.py"


def _reason(error: BaseException) -> str:
    if isinstance(error, NoOutputError):
        return str(error)
    lines = str(error).splitlines()
    if any(line.endswith(_WRAPPING) for line in lines):
        found = next((line for line in lines if not line.endswith(_WRAPPING)), "")
        lines = [found.removeprefix("Error: ")]
    line = f"{type(error).__name__}: {' '.join(' '.join(lines).split())}"
    return line if len(line) <= MAX_REASON else f"{line[: MAX_REASON - 3]}..."
