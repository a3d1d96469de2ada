"""Copies of a compiled pipeline that differ from it in what they are sent with."""

import contextlib
import copy
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kfp_workbench.project import steps

Change = Callable[[list[Any]], object]  # of a compiled pipeline's documents, in place


@contextlib.contextmanager
def changed(package: Path, changes: Sequence[Change]) -> Iterator[Path]:
    """Yield a compiled pipeline with changes made to it, for as long as the block takes.

    Where they change nothing, that is ``package`` itself. It stays as it is.
    """
    documents = steps.read_documents(package) if changes else []
    before = copy.deepcopy(documents)
    for change in changes:
        change(documents)
    if documents == before:
        yield package
        return
    with tempfile.TemporaryDirectory(prefix="pipeline-") as folder:
        target = Path(folder) / package.name
        target.write_text(text(documents), encoding="utf-8")
        yield target


def text(documents: Sequence[Any]) -> str:
    """Return documents as YAML."""
    import yaml

    from kfp_workbench.pipeline import quoting

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    is_sure = dumper is not yaml.SafeDumper  # which leaves new lines of other kinds unquoted
    with quoting.quoted(dumper):
        return str(yaml.dump_all(documents, Dumper=dumper, allow_unicode=is_sure))
