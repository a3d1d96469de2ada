"""Runs the examples in the docstrings of a ``main.py``; started in the step's own environment.

Usage: ``python exercise.py [FUNCTION]`` in the step's folder. Notes what the examples hand to that
function, if it is one object, and calls it again with each. Prints one JSON object. It needs
nothing but the standard library.
"""

import doctest
import importlib.util
import io
import json
import sys
from typing import Any


def main(function: str = "") -> None:
    """Write what became of the examples to stdout, as the last line."""
    sys.path[0] = ""  # the step's folder, as for main.py itself
    spec = importlib.util.spec_from_file_location("step", "main.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    contexts: list[Any] = []
    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(module, "step"):
        if hasattr(module, function):
            test.globs[function] = _noting(getattr(module, function), contexts)
        runner.run(test, out=report.write)
    calls = [_call(getattr(module, function), context) for context in contexts]
    counts = {"failures": runner.failures, "tries": runner.tries}
    print(json.dumps({**counts, "report": report.getvalue(), "calls": calls}))


def _noting(function: Any, contexts: list[Any]) -> Any:
    def noting(context: Any) -> Any:
        contexts.append(json.loads(json.dumps(context)))
        return function(context)

    return noting


def _call(function: Any, context: Any) -> Any:
    found = {"context": json.loads(json.dumps(context)), "value": None, "error": None}
    try:
        return {**found, "value": function(context)}
    except ValueError as error:
        return {**found, "error": str(error)}


if __name__ == "__main__":
    main(*sys.argv[1:])
