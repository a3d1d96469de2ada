"""Exercises one step's script, in that step's own environment.

Usage: ``python exercise.py MAIN FOLDER < contexts.json``. Runs the examples in the
script's docstrings, then its command line on each context that they use and on
each text from stdin (a JSON list). Prints one JSON object.
"""

import contextlib
import doctest
import importlib.util
import io
import json
import sys
from pathlib import Path
from typing import Any


def main(script: str, folder: str) -> None:
    """Write what became of the examples and of the command lines to stdout."""
    spec = importlib.util.spec_from_file_location("step", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    contexts: list[Any] = []
    report, failures = _examples(module, contexts)
    texts = [json.dumps(context) for context in contexts]
    outcomes = [
        _command_line(module, text, Path(folder, str(number), "deep", "output"))
        for number, text in enumerate(texts + json.load(sys.stdin))
    ]
    found = {
        "report": report,
        "failures": failures,
        "results": [_call(module, c) for c in contexts],
    }
    print(json.dumps({**found, "outcomes": outcomes}))


def _examples(module: Any, contexts: list[Any]) -> tuple[str, int]:
    """Run the docstrings' examples and note each context that they hand to `transform`."""
    transform = module.transform

    def recorded(context: Any) -> Any:
        contexts.append(json.loads(json.dumps(context)))
        return transform(context)

    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False)
    for test in doctest.DocTestFinder().find(module, "step"):
        test.globs["transform"] = recorded
        runner.run(test, out=report.write)
    return report.getvalue(), runner.failures


def _call(module: Any, context: Any) -> Any:
    try:
        return {"value": module.transform(context)}
    except ValueError as error:
        return {"error": str(error)}


def _command_line(module: Any, text: str, output: Path) -> dict[str, Any]:
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(stderr):
        try:
            status = module.main(["--context", text, "--output", str(output)])
        except SystemExit as stop:
            status = stop.code
    written = json.loads(output.read_text(encoding="utf-8")) if output.exists() else None
    left = sorted(path.name for path in output.parent.glob("*")) if output.parent.exists() else []
    return {"status": status, "stderr": stderr.getvalue(), "written": written, "files": left}


if __name__ == "__main__":
    main(*sys.argv[1:])
