"""Makes of the compiled pipeline what one server gets: for its version, and with caching or not.

A file is compiled for a version of KFP; of the server's own and that one, the older counts. A
server that does not tell its version is taken at the setting's word.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.cluster import caching
from kfp_workbench.cluster.server import Server
from kfp_workbench.pipeline import fitting, needs, packages
from kfp_workbench.project import steps, versions
from kfp_workbench.project.settings import ROOT, Settings


class Source(NamedTuple):
    """A compiled pipeline, and the project that it is of."""

    package: Path
    settings: Settings
    root: Path = ROOT


class Adapted(NamedTuple):
    """What a server gets, and what there is to say about it, if anything."""

    package: Path
    note: str | None


@contextmanager
def adapted(source: Source, cached: bool | None, server: Server) -> Iterator[Path]:
    """Yield what ``server`` gets, for as long as the block takes, and say how that differs.

    ``cached`` turns caching on or off for every task, None leaves it. Raises WorkbenchError (2)
    for what a server of that version cannot run.
    """
    with _adapted(source, cached, server) as copy:
        _tell([copy.note])
        yield copy.package


def all_adapted(
    source: Source, cached: Iterable[bool | None], server: Server, copies: ExitStack
) -> dict[bool | None, Path]:
    """Return what `adapted` yields for each kind of caching; it is there until ``copies`` ends."""
    found = {kind: copies.enter_context(_adapted(source, kind, server)) for kind in {*cached}}
    _tell(copy.note for copy in found.values())
    return {kind: copy.package for kind, copy in found.items()}


@contextmanager
def _adapted(source: Source, cached: bool | None, server: Server) -> Iterator[Adapted]:
    setting = source.settings.server
    theirs, ours = versions.parse(server.version), versions.target(setting)
    changes, fitted = caching.changes(cached), []
    if theirs and theirs < ours:
        is_ours = steps.owner(source.settings, source.root)

        def fit(documents: list[Any]) -> None:
            fitted.extend(fitting.fit(documents, theirs, is_ours))
            needs.refuse(documents, theirs, f"and {server.host} has {theirs}", source.root)

        changes.append(fit)
    with packages.changed(source.package, changes) as copy:
        note = None
        if theirs and theirs < ours:
            how = ", ".join(fitted) or "as it is"
            note = (
                f"{server.host} has KFP {theirs}, older than {ours}: the pipeline goes there {how}"
            )
        elif theirs and setting and theirs > setting:
            note = f'{server.host} has KFP {theirs}, and pyproject.toml has server = "{setting}"'
        yield Adapted(copy, note)


def _tell(notes: Iterable[str | None]) -> None:
    for note in sorted({*filter(None, notes)}):
        print(f"note: {note}", file=sys.stderr)
