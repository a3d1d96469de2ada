"""Runs the examples in the docstrings of a ``main.py``; started in the step's own environment.

Usage: ``python exercise.py`` in the step's folder. Prints one JSON object. It needs nothing but the
standard library.
"""

import doctest
import importlib.util
import io
import json
import sys


def main() -> None:
    """Write what became of the examples to stdout, as the last line."""
    sys.path[0] = ""  # the step's folder, as for main.py itself
    spec = importlib.util.spec_from_file_location("step", "main.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["step"] = module  # where doctest looks whether a decorated function is of it
    spec.loader.exec_module(module)
    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(module, "step"):
        runner.run(test, out=report.write)
    counts = {"failures": runner.failures, "tries": runner.tries}
    print(json.dumps({**counts, "report": report.getvalue()}))


if __name__ == "__main__":
    main()
