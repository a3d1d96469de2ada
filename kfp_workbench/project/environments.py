"""What ``params/<ENV>.yaml`` says about an environment: parameters, and where runs go.

Settings stand under the key ``.settings``, which no parameter can be called.
"""

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kfp_workbench.errors import refuse
from kfp_workbench.project import names, params, variables
from kfp_workbench.project.documents import Problem, written
from kfp_workbench.project.names import shown
from kfp_workbench.project.params_file import SETTINGS, ParamsFile, read_file, resolve
from kfp_workbench.project.secrecy import MASK, Mask


class _Setting(NamedTuple):
    kind: str  # as the compiled pipeline calls the type
    problem: Callable[[str], str | None] | None = None
    variable: str = ""  # wins over the file


KNOWN: Mapping[str, _Setting] = {
    "host": _Setting("STRING", names.host_problem, "KFP_HOST"),
    "namespace": _Setting("STRING", names.namespace_problem, "KFP_NAMESPACE"),
    "experiment": _Setting("STRING", names.experiment_problem, "KFP_EXPERIMENT"),
    "experiment_description": _Setting("STRING", names.description_problem),
    "service_account": _Setting("STRING", names.service_account_problem, "KFP_SERVICE_ACCOUNT"),
    "caching": _Setting("BOOLEAN"),
}


_NAME = re.compile(r"[-_]*[A-Za-z0-9][A-Za-z0-9_-]*")


class Environment(NamedTuple):
    """What a run in an environment is given."""

    parameters: dict[str, Any]
    settings: dict[str, Any]  # by the names in `KNOWN`; only what the file sets
    secrets: frozenset[str]  # texts that are never to be shown


def name_problem(env: object) -> str | None:
    """Return why this can be no environment's name, with the cure, or None."""
    if isinstance(env, str) and _NAME.fullmatch(env):
        return None
    return "use letters, digits, dashes and underscores"


def read(
    package: Path,
    params_file: Path,
    assignments: Sequence[str],
    *,
    submitting: bool,
    environ: Mapping[str, str] = os.environ,
) -> Environment:
    """Return what a file and ``name=value`` assignments give a run of a compiled pipeline.

    A run that is not submitted needs no settings: they are checked, but what variables
    they name need not be set. Raises WorkbenchError (2) as `kfp_workbench.project.params.read_parameters` does.
    """
    environment, problems = gather(
        package, params_file, assignments, submitting=submitting, environ=environ
    )
    refuse(problems)
    return environment


def gather(
    package: Path,
    params_file: Path,
    assignments: Sequence[str] = (),
    *,
    submitting: bool,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Environment, list[str]]:
    """Return what `read` does, and lines about all that is wrong with it.

    ``overrides`` are values that win over the file's. Raises WorkbenchError (2) for a file that
    cannot be read.
    """
    file = read_file(params_file)
    declared = params.declared_parameters(package)
    found = params.collect(declared, file, assignments, environ, overrides)
    settings, problems = file_settings(file, environ if submitting else None)
    wrong = [*file.said([*found.problems, *problems]), *found.wrong]
    notes = found.notes
    if submitting and not wrong:
        assigned = {assignment.partition("=")[0] for assignment in assignments}
        sent = {name: value for name, value in found.values.items() if name not in overrides}
        kept = {k: v for k, v in settings.items() if not environ.get(KNOWN[k].variable)}
        wrong, more = _check_texts(file, sent, assigned, kept)
        notes = [*notes, *more]
    if not wrong:
        params.tell(notes)
    secrets = variables.secrets([file.entries.get(SETTINGS), dict(overrides)], environ)
    return Environment(found.values, settings if submitting else {}, found.secrets | secrets), wrong


def _check_texts(
    file: ParamsFile,
    values: Mapping[str, Any],
    assigned: Collection[str],
    settings: Mapping[str, Any],
) -> tuple[list[str], list[str]]:
    """Return lines about texts that the server refuses, and about those that a cluster changes."""
    from kfp_workbench.project import texts  # a local run submits none

    own = {name: value for name, value in values.items() if name not in assigned}
    given = {name: value for name, value in values.items() if name in assigned}
    refused, changed = texts.check_given(own, file.entries)
    table = file.entries.get(SETTINGS) or {}
    names, _ = texts.check_given(settings, table, (SETTINGS,), for_argo=False)
    refused_given, changed_given = texts.check_given(given, given)
    return (
        file.said([*refused, *names]) + [f"-p: {problem.text}" for problem in refused_given],
        file.said(changed) + [f"-p: {problem.text}" for problem in changed_given],
    )


def read_settings(params_file: Path, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the settings in a file; its parameters are not looked at. Raises WorkbenchError (2)."""
    file = read_file(params_file)
    settings, problems = file_settings(file, environ)
    file.refuse(problems)
    return settings


def file_settings(
    file: ParamsFile, environ: Mapping[str, str] | None
) -> tuple[dict[str, Any], list[Problem]]:
    """Return the settings in a file, variables replaced, and what is wrong with them.

    A setting that a variable such as KFP_HOST wins over needs no variables of its own. With
    ``environ`` None none needs any.
    """
    table = file.entries.get(SETTINGS)
    if table is None:
        return {}, []
    if not isinstance(table, dict):
        text = f"{SETTINGS} holds no settings by name: write one `name: value` per line below it"
        return {}, [Problem((SETTINGS,), text)]
    settings: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in table.items():
        if name not in KNOWN:
            text = f"{SETTINGS} has no {shown(name)}: it has {', '.join(KNOWN)}"
            problems.append(Problem((SETTINGS, name), text))
            continue
        overruled = environ is not None and environ.get(KNOWN[name].variable)
        settings[name], more = _setting(name, value, None if overruled else environ)
        problems += more
    return settings, problems


def _setting(name: str, value: Any, environ: Mapping[str, str] | None) -> tuple[Any, list[Problem]]:
    place, known = (SETTINGS, name), KNOWN[name]
    resolved, problems = resolve(place, value, known.kind, environ)
    if problems or known.problem is None or (environ is None and variables.used(value)):
        return resolved, problems
    if text := known.problem(resolved):
        if secrets := variables.secrets(value, environ or {}):
            text = Mask(secrets)(text.replace(shown(resolved), MASK))
        problems = [Problem(place, f"{written(place)}: {text}")]
    return resolved, problems
