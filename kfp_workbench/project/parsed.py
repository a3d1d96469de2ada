"""What a file says, kept by its text: JSON is read long before a parser of YAML or TOML is even loaded.

A value is kept below ``build/`` of the project in the present folder, once that is compiled, and only if JSON
gives it back just as it is. Its name stands for all that it is made of: the text, the parser's files and
this Python.
"""

import contextlib
import json
import math
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kfp_workbench import files
from kfp_workbench.digests import sha256
from kfp_workbench.errors import WorkbenchError

_ROOT = Path.cwd()
FOLDER = _ROOT / "build" / "parsed"
MOST = 20  # values that are kept, the newest


def value(file: Path, text: str, parse: Callable[[str], Any], *modules: str) -> Any:
    """Return what ``parse``, which uses these modules, makes of a file's text; raises what it raises."""
    if not file.absolute().is_relative_to(_ROOT):
        return parse(text)
    path = FOLDER / f"{_digest(text, modules)}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["value"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = parse(text)
    if FOLDER.with_name("pipeline.yaml").is_file():  # else a verb that fails would leave something
        with contextlib.suppress(WorkbenchError, OSError, ValueError, RecursionError):
            _keep(path, found)
    return found


def _keep(path: Path, found: Any) -> None:
    if not _is_json(found):
        return
    FOLDER.mkdir(mode=0o700, exist_ok=True)  # parameters may be secret
    files.write(path, json.dumps({"value": found}))
    kept = sorted(FOLDER.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    for old in kept[:-MOST]:
        old.unlink(missing_ok=True)


def _is_json(found: Any) -> bool:
    """Tell whether JSON has a value: it has no dates, and no keys but texts."""
    if type(found) is dict:
        return all(type(key) is str and _is_json(item) for key, item in found.items())
    if type(found) is list:
        return all(map(_is_json, found))
    return found is None or type(found) in (str, bool, int) or _is_finite(found)


def _is_finite(found: Any) -> bool:
    return type(found) is float and math.isfinite(found)


def _digest(text: str, modules: tuple[str, ...]) -> str:
    specs = [(name, find_spec(name)) for name in modules]
    states = [
        (name, spec.origin, Path(spec.origin).stat().st_mtime_ns, Path(spec.origin).stat().st_size)
        for name, spec in specs
        if spec and spec.origin
    ]
    basis = json.dumps([sys.version, states, text])
    return sha256(basis.encode()).hexdigest()
