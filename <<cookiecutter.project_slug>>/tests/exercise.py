"""Exercises one step's script, in that step's own environment.

Usage: ``python exercise.py MAIN FOLDER [FLAG] < texts.json``. Runs the examples in the
script's docstrings, then its command line with FLAG and each text from stdin (a JSON
list). Of a step that takes ``--context`` the contexts in the examples come before those
texts. Prints one JSON object.
"""

import contextlib
import doctest
import importlib.util
import io
import json
import sys
from pathlib import Path
from typing import Any


def main(script: str, folder: str, flag: str = "") -> None:
    """Write what became of the examples and of the command lines to stdout."""
    spec = importlib.util.spec_from_file_location("step", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    contexts: list[Any] = []
    examples = _examples(module, flag, contexts)
    texts = [json.dumps(context) for context in contexts]
    outcomes = [
        _command_line(module, flag, text, Path(folder, str(number), "deep", "output"))
        for number, text in enumerate([*texts, *json.load(sys.stdin)] if flag else [])
    ]
    results = [_call(module, context) for context in contexts]
    print(json.dumps({**examples, "results": results, "outcomes": outcomes}))


def _examples(module: Any, flag: str, contexts: list[Any]) -> dict[str, Any]:
    """Run the docstrings' examples; note each context that they hand to `transform`."""

    def recorded(context: Any) -> Any:
        contexts.append(json.loads(json.dumps(context)))
        return module.transform(context)

    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(module, "step"):
        if flag == "--context":
            test.globs["transform"] = recorded
        runner.run(test, out=report.write)
    return {"report": report.getvalue(), "failures": runner.failures, "examples": runner.tries}


def _call(module: Any, context: Any) -> Any:
    try:
        return {"value": module.transform(context)}
    except ValueError as error:
        return {"error": str(error)}


def _command_line(module: Any, flag: str, text: str, output: Path) -> dict[str, Any]:
    stderr = io.StringIO()
    argv = [flag, text, *(["--output", str(output)] if flag == "--context" else [])]
    with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(stderr):
        try:
            status = module.main(argv)
        except SystemExit as stop:
            status = stop.code
    written = json.loads(output.read_text(encoding="utf-8")) if output.exists() else None
    left = sorted(path.name for path in output.parent.glob("*")) if output.parent.exists() else []
    return {"status": status, "stderr": stderr.getvalue(), "written": written, "files": left}


if __name__ == "__main__":
    main(*sys.argv[1:])
