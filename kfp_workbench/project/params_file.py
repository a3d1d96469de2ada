"""A file of ``params/`` as it stands: parameters by name, with variables, and settings."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.errors import WorkbenchError, refuse
from kfp_workbench.project import parsed, values, variables
from kfp_workbench.project.documents import Document, DocumentError, Place, Problem, written
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import MASK, hide_assignments, is_secret

STRICT = "kfp_workbench.project.strict_yaml"
SETTINGS = ".settings"  # the one key of a file that is no parameter's name


class ParamsFile(NamedTuple):
    """A file of parameters; ``name`` is what messages call it."""

    name: str
    document: Document

    @property
    def entries(self) -> Mapping[Any, Any]:
        """What stands at the top of the file, parameters and settings, by key."""
        value = self.document.value
        return value if isinstance(value, dict) else {}

    def said(self, problems: Iterable[Problem]) -> list[str]:
        """Return problems as compilers write theirs, by line: ``params/dev.yaml:3: …``."""
        lines = [(self.document.line(*problem.place), problem.text) for problem in problems]
        return [f"{self.name}:{line}: {text}" for line, text in sorted(lines)]

    def refuse(self, problems: Iterable[Problem], others: Iterable[str] = ()) -> None:
        """Raise WorkbenchError (2) if there are problems, of this file or others."""
        refuse([*self.said(problems), *others])


def read_file(path: Path) -> ParamsFile:
    """Return a file of parameters; raises WorkbenchError (2) for one that cannot be read."""
    name = f"{path.parent.name}/{path.name}"
    try:
        return ParamsFile(name, _document(path))
    except OSError as error:
        raise WorkbenchError(
            f"{name}: {error.strerror}: make it, or choose another ENV=", 2
        ) from None
    except UnicodeDecodeError:
        raise WorkbenchError(f"{name}: it is no UTF-8: save it as that", 2) from None
    except DocumentError as error:
        raise WorkbenchError(f"{name}:{error.line}: no valid YAML: {error.reason}", 2) from None


def _document(path: Path) -> Document:
    """Return a document that is parsed only where its value is not known, or its lines are asked for."""
    text = path.read_text(encoding="utf-8")
    known = parsed.value(path, text, lambda text: _parse(text).value, "yaml", STRICT)
    return Document(known, lambda: _parse(text).find_lines())


def _parse(text: str) -> Document:
    from kfp_workbench.project import strict_yaml  # and with it yaml: see `parsed`

    return strict_yaml.parse(text)


def file_values(
    file: ParamsFile,
    kinds: Mapping[str, str | None],
    environ: Mapping[str, str] | None,
    but: Iterable[str] = (),
) -> tuple[dict[str, Any], list[Problem]]:
    """Return the parameters in a file, variables replaced, and what is wrong with it.

    ``kinds`` are the types of the parameters there are, None for one that is not known;
    those in ``but`` come from elsewhere. With ``environ`` None no variable needs to be set.
    """
    if file.document.value is not None and not isinstance(file.document.value, dict):
        what = "holds no parameters by name: write one `name: value` per line"
        return {}, [Problem((), what)]
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in file.entries.items():
        if name == SETTINGS or name in but:
            continue
        if text := name_problem(name, kinds):
            problems.append(Problem((name,), text))
            continue
        found[name], more = resolve((name,), value, kinds[name], environ)
        problems += more
    return found, problems


def name_problem(name: object, known: Iterable[str]) -> str | None:
    """Check that a name is one of those of the pipeline's parameters."""
    if not isinstance(name, str):
        return f"YAML reads this name as {shown(name)}: put it in quotes"
    if name in known:
        return None
    hint = f"; settings stand under {SETTINGS}" if name.startswith(".") else ""
    there = ", ".join(known) or "none"
    return f"the pipeline has no parameter {shown(name)}: it has {there}{hint}"


def resolve(
    place: Place, value: Any, kind: str | None, environ: Mapping[str, str] | None
) -> tuple[Any, list[Problem]]:
    """Return a value of a file with its variables replaced, and what is wrong with it.

    A value of another type than text may be a variable alone, which holds JSON then.
    With ``environ`` None, what variables hold is not looked at.
    """
    resolved, problems = variables.replace(value, place, environ)
    variable = variables.sole(value) if kind not in (None, "STRING") else None
    if problems or (variable and environ is None):
        return value, problems
    hidden = any(map(is_secret, variables.used(value)))
    if variable and environ is not None:
        try:
            resolved = values.parse(environ[variable], str(kind))
        except ValueError as error:
            hidden = hidden or any(is_secret(str(part)) for part in place)
            said = MASK if hidden else shown(hide_assignments(environ[variable]))
            text = f"${{{variable}}} is {said}, which {error}: export one that fits"
            return value, [Problem(place, f"{written(place)}: {text}")]
    resolved = values.as_whole(resolved, kind)
    return resolved, list(values.problems(place, resolved, kind, hidden=hidden))
