"""Puts words in the place of what differs from run to run, and of where a run keeps its files.

The words are those of the records: ``RUN_ID``, ``UUID``, ``TIME``, ``ARTIFACT_ID`` and the like.
Both sides of a comparison pass through the same rules.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Rule = tuple[re.Pattern[str], str]

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# The image of all cases, by the tag that it has here.
_IMAGE = r"(localhost:5000/golden/py):[\w.-]+"
# An artifact's address: where its store, its pipeline and its run are is no part of a comparison.
_ROOT = r"mlpipeline/v2/artifacts/[^/\s\"']+/(?:RUN_ID|UUID)/"
COMMON: Sequence[Rule] = (
    (re.compile(_UUID), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)"), "TIME"),
    (re.compile(_ROOT), "ROOT/"),
    (re.compile(_IMAGE), r"\1"),
    (re.compile(r'(\\?"name\\?": ?)\\?"\d+\\?"'), r'\1"ARTIFACT_ID"'),
    # How the store of a cluster is reached, as JSON in JSON.
    (re.compile(r'(store_session_info\\*": ?)(\\*")\{.*?\}\}\2'), r"\1\2STORE\2"),
)
ARTIFACTS = "/minio/ROOT/"  # the path of what lies there
# A process is given a path in the place of an address.
ADDRESSES: Sequence[Rule] = (
    (re.compile(r"\bminio://"), "/minio/"),
    (re.compile(r"\bs3://"), "/s3/"),
    (re.compile(r"\bgs://"), "/gcs/"),
)
# Variables of the machine, not of KFP.
MACHINE = re.compile(r"PATH|HOME|PWD|USER|LANG|TMPDIR|KUBERNETES_.*")


class Words(NamedTuple):
    """What a text is rewritten by: literal texts first, the longest before its parts."""

    texts: Mapping[str, str]
    rules: Sequence[Rule]

    def apply(self, value: Any) -> Any:
        """Return a value with every text in it rewritten, keys too."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.apply(item) for item in value]
        if isinstance(value, dict):
            return {self._text(key): self.apply(item) for key, item in value.items()}
        return value

    def _text(self, text: str) -> str:
        for found in sorted(self.texts, key=len, reverse=True):
            if found:
                text = text.replace(found, self.texts[found])
        for pattern, word in self.rules:
            text = pattern.sub(word, text)
        return text


def words(texts: Mapping[str, str], *, addresses: bool, pipeline: str = "", run: str = "") -> Words:
    """Return the rules of a comparison; without ``addresses`` those are taken for paths.

    ``pipeline`` is the pipeline's name, with which names of workflows begin; here a run has no other,
    that of the record's is ``run``.
    """
    rules = [*COMMON, *(() if addresses else ADDRESSES)]
    if pipeline:
        name = rf"\b{re.escape(pipeline)}"
        rules.append((re.compile(rf"{name}-[0-9a-z]{{5}}\b"), "WORKFLOW"))
        rules.append((re.compile(rf"{name}\b"), run))
    return Words(texts, rules)


def said(entry: Any) -> Any:
    """Return what a container said without what is the machine's, or only names a thing."""
    if not isinstance(entry, dict):
        return entry
    env = entry.get("env")
    if isinstance(env, dict):
        kept = {name: _variable(name, value) for name, value in env.items()}
        entry = {**entry, "env": kept}
    return _each_artifact(entry, _named)


def _variable(name: str, value: Any) -> Any:
    return "OF THE MACHINE" if MACHINE.fullmatch(name) else value


def _each_artifact(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(value, list):
        return [_each_artifact(item, change) for item in value]
    if isinstance(value, dict):
        return change({key: _each_artifact(item, change) for key, item in value.items()})
    return value


def _named(value: dict[str, Any]) -> dict[str, Any]:
    """Return an artifact of an executor input without its number and how to reach its store."""
    if "uri" in value and str(value.get("name", "")).isdigit():
        value = {**value, "name": "ARTIFACT_ID"}
    if "store_session_info" in value:
        value = {**value, "store_session_info": "STORE"}
    return value
