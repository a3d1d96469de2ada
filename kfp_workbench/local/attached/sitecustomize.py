"""Stops a step at the first line of its function: in pdb, or at a prompt with its arguments.

Python imports this module by itself when it starts, as it is in a folder of ``PYTHONPATH``
(https://docs.python.org/3/library/site.html). It does so in the step's Python, here or in its
image, and changes nothing unless the variable ``KFP_WORKBENCH_STOP`` says where to stop; a process
that the step starts is not told.
"""

from __future__ import annotations

import bdb
import code
import functools
import json
import os
import pdb
import sys
import traceback
from collections.abc import Callable
from types import CodeType, FrameType, SimpleNamespace, TracebackType
from typing import Any

VARIABLE = "KFP_WORKBENCH_STOP"
LEFT = 130  # the exit status of a step that somebody left at its prompt

_Raised = tuple[type[BaseException], BaseException, TracebackType]


class Place:
    """Where to stop, and how: what ``KFP_WORKBENCH_STOP`` says as a JSON object."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._file, self._function = said["file"], said["function"]
        self._source: str = said["source"]  # where the project has the file; "" for none
        self.is_shell: bool = said["shell"]
        self.inputs: str = said["inputs"]  # a file with those that are no arguments; "" for none

    def wait(self) -> None:
        """Stop when the function is called; or, in pdb, when something is raised before that."""
        if not self.is_shell:
            sys.excepthook = functools.partial(_at_the_end, self._source)
        sys.settrace(self._called)

    def _called(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        code = frame.f_code
        if code.co_name != self._function or not _is_in(code, self._file):
            return None
        sys.settrace(None)
        if self.is_shell:
            _prompt(frame, self.inputs)
            raise SystemExit(0)
        debugger = Debugger(code, self._source)
        debugger.set_trace(frame)
        return debugger.trace_dispatch


def _is_in(code: CodeType, file: str) -> bool:
    """Tell whether a file of a name has this code; quickly, as it is asked at every call."""
    return code.co_filename.rpartition("/")[2] == file


class _Pdb(pdb.Pdb):
    """pdb that calls the script by its path in the project: what is laid out here is a copy."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.script = os.path.abspath(sys.argv[0])  # noqa: PTH100  # as pdb does
        super().__init__(nosigint=False)

    def canonic(self, filename: str) -> str:
        """Return what a file is called."""
        found: str = super().canonic(filename)
        return self.source if self.source and found == self.script else found


class Debugger(_Pdb):
    """pdb that stops once more where the function is left by what was raised."""

    def __init__(self, function: CodeType, source: str) -> None:
        super().__init__(source)
        self._of = function
        self._raised: _Raised | None = None

    def trace_dispatch(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Take an event of the interpreter."""
        if frame.f_code is self._of:
            self._follow(event, arg)
        try:
            return super().trace_dispatch(frame, event, arg)
        except bdb.BdbQuit:
            raise SystemExit(LEFT) from None

    def set_continue(self) -> None:
        """Go on, and keep looking for what is raised."""
        self._set_stopinfo(self.botframe, None, -1)  # type: ignore[attr-defined]

    def _follow(self, event: str, arg: Any) -> None:
        if event == "exception":
            self._raised = arg
        elif event == "line":
            self._raised = None  # it was caught
        elif event == "return" and self._raised and arg is None:
            sys.settrace(None)
            _post_mortem(self.source, *self._raised)


_seen: list = []  # type: ignore[type-arg]  # what was raised, once it was looked at


def _post_mortem(
    source: str, kind: type[BaseException], error: BaseException, trace: TracebackType
) -> None:
    """Let somebody look at the place where something was raised."""
    if isinstance(error, (SystemExit, KeyboardInterrupt, bdb.BdbQuit)) or error in _seen:
        return
    _seen.append(error)
    debugger = _Pdb(source)
    text = "".join(traceback.format_exception(kind, error, trace))
    text = text.replace(f'"{debugger.script}"', f'"{source or debugger.script}"')
    print(f"{text}Raised here (q leaves):", file=sys.stderr, flush=True)
    debugger.reset()
    debugger.interaction(None, trace)


def _at_the_end(
    source: str, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if trace is not None and error not in _seen:
        _post_mortem(source, kind, error, trace)


def _prompt(frame: FrameType, inputs: str) -> None:
    """Open a prompt with all that the function has."""
    names = _inputs(inputs) if inputs else dict(frame.f_locals)
    space = {**frame.f_globals, **names}
    shown = ", ".join(names) or "no inputs"
    banner = f"The inputs are here by their names: {shown}. Ctrl-D leaves."
    try:
        from IPython import start_ipython
    except ImportError:
        start_ipython = None
    if start_ipython is None:  # out of the handler: what is typed wrongly has a cause of its own
        _complete(space)
        code.interact(banner, local=space, exitmsg="")
        return
    print(banner, file=sys.stderr, flush=True)
    start_ipython(argv=["--no-banner"], user_ns=space)


def _inputs(path: str) -> dict[str, Any]:
    """Return the inputs that a file names, and remove it: some may be secret."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  # quicker to start without
        found = json.load(file)
    os.unlink(path)
    artifacts = {
        name: [SimpleNamespace(**item) for item in several]
        for name, several in found["artifacts"].items()
    }
    singles = {name: item[0] if len(item) == 1 else item for name, item in artifacts.items()}
    return {**found["parameters"], **singles}


def _complete(space: dict[str, Any]) -> None:
    """Let the tabulator key complete names, where Python can do that."""
    try:
        import readline
        import rlcompleter
    except ImportError:
        return
    readline.set_completer(rlcompleter.Completer(space).complete)
    readline.parse_and_bind("tab: complete")


if _said := os.environ.pop(VARIABLE, ""):
    Place(json.loads(_said)).wait()
