"""Reads pipeline parameters and checks them against the compiled pipeline."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import values, variables
from kfp_workbench.project.documents import Problem
from kfp_workbench.project.names import shown
from kfp_workbench.project.params_file import ParamsFile, file_values, name_problem, read_file
from kfp_workbench.project.secrecy import MASK, hide_assignments, is_secret, secret_texts
from kfp_workbench.project.steps import read_documents

MAX_SUBMITTED = 100_000  # bytes; leaves room for what KFP wraps around them


class Parameters(NamedTuple):
    """What a file and a command line give a pipeline; nothing, if anything is wrong with them."""

    values: dict[str, Any]
    notes: list[str]
    secrets: frozenset[str]  # texts that are never to be shown
    problems: list[Problem]  # in the file
    wrong: list[str]  # lines about the command line


def read_parameters(
    package: Path,
    params_file: Path,
    assignments: Sequence[str],
    environ: Mapping[str, str] = os.environ,
) -> dict[str, Any]:
    """Return the parameters for a compiled pipeline, checked.

    ``params_file`` is a YAML mapping, in which ``${NAME}`` stands for a variable of
    ``environ``; ``assignments`` are ``name=value``; they win, and are taken as they are.
    Values of other types than text are JSON. Raises WorkbenchError (2) for an unreadable
    file, an unknown or missing parameter, and a value of the wrong type; several
    problems are printed before that, a line each.
    """
    file = read_file(params_file)
    found = collect(declared_parameters(package), file, assignments, environ)
    file.refuse(found.problems, found.wrong)
    tell(found.notes)
    return found.values


def tell(notes: Iterable[str]) -> None:
    """Print what there is to know about parameters."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def declared_parameters(package: Path) -> dict[str, Any]:
    """Return the input parameters that a compiled pipeline declares, by name."""
    root = read_documents(package)[0]["root"].get("inputDefinitions", {})
    parameters: dict[str, Any] = root.get("parameters", {})
    return parameters


def collect(
    declared: Mapping[str, Any],
    file: ParamsFile,
    assignments: Sequence[str],
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] = MappingProxyType({}),
) -> Parameters:
    """Return the parameters of a file and a command line, or all that is wrong with them.

    ``overrides`` are values that win over the file's, such as a schedule's own.
    """
    kinds = {name: spec["parameterType"] for name, spec in declared.items()}
    assigned, wrong = _assigned(assignments, kinds)
    found, problems = file_values(file, kinds, environ, but={*assigned, *overrides})
    given = {**found, **overrides, **assigned}
    has_names = all(problem.place for problem in problems)
    for name, spec in declared.items() if has_names else ():
        if name not in given and "defaultValue" not in spec and not spec.get("isOptional"):
            problems.append(Problem((), _missing(file, name)))
    if problems or wrong:
        return Parameters({}, [], frozenset(), problems, wrong)
    notes = file.said(note for name in found for note in values.notes((name,), found[name]))
    notes += [f"-p: {n.text}" for name in assigned for n in values.notes((name,), given[name])]
    written = {name: file.entries[name] for name in found}
    notes += file.said(variables.literals((), written))
    notes += _exposed(file, assigned)
    secrets = secret_texts(given) | _secrets(file, found, environ)
    whole = {name: value for name, value in given.items() if isinstance(value, int)}
    doubles = {name: float(whole[name]) for name in whole if kinds[name] == "NUMBER_DOUBLE"}
    return Parameters({**given, **doubles}, notes, secrets, [], [])


def _secrets(
    file: ParamsFile, found: Mapping[str, Any], environ: Mapping[str, str]
) -> frozenset[str]:
    """Return what secret variables brought into parameters, whatever those are called."""
    texts: frozenset[str] = frozenset()
    for name, value in found.items():
        entry = file.entries[name]
        texts |= variables.secrets(entry, environ) | secret_texts(
            value, variables.sole(entry) or ""
        )
    return texts


def _assigned(
    assignments: Sequence[str], kinds: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the values of ``name=value`` by name, and what is wrong with them."""
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            wrong.append(f"-p {shown(hide_assignments(assignment))}: write -p name=value")
            continue
        found[name] = None
        if problem := name_problem(name, kinds):
            wrong.append(f"-p: {problem}")
            continue
        try:
            found[name] = values.parse(text, kinds[name])
        except ValueError as error:
            said = MASK if is_secret(name) else shown(hide_assignments(text))
            wrong.append(f"-p: {name}: {said} {error}")
            continue
        problems = values.problems((name,), found[name], kinds[name])
        wrong += [f"-p: {problem.text}" for problem in problems]
    return found, wrong


def _exposed(file: ParamsFile, assigned: Iterable[str]) -> Iterator[str]:
    """Say once what a secret on a command line means."""
    if secret := [name for name in assigned if is_secret(name)]:
        cure = f"write `{secret[0]}: {_variable(secret[0])}` in {file.name}, and export that"
        seen = "command lines are seen by others (ps, the shell's history)"
        yield f"-p {', '.join(secret)}: {seen}: {cure}"


def _missing(file: ParamsFile, name: str) -> str:
    cure = f'add it to {file.name} or ARGS="-p {name}=..."'
    if is_secret(name):
        cure = f"write `{name}: {_variable(name)}` in {file.name}, and export that"
    return f"parameter {name!r} has no value: {cure}"


def _variable(name: str) -> str:
    return f"${{{name.upper()}}}"


def check_size(parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that a cluster could not hand to a container (WorkbenchError, 2).

    KFP puts them on command lines, where Linux takes at most 128 KiB an argument.
    """
    size = len(json.dumps(parameters).encode())
    if size > MAX_SUBMITTED:
        raise WorkbenchError(
            f"the parameters take {size} bytes, and a cluster can hand on {MAX_SUBMITTED}: "
            "put the data where the steps can read it and pass its address",
            2,
        )
