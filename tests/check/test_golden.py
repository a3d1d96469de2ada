"""`make check` over the recorded cases: each made into a project, and held to what a backend did.

``golden.yaml`` has the rule for each case that is an exception.
"""

import fnmatch
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from shared import golden
from shared.case_projects import Findings, check_all

RULES = yaml.safe_load(Path(__file__).with_name("golden.yaml").read_text(encoding="utf-8"))
MODULES = sorted((golden.FOLDER / "cases").glob("*.py"))
pytestmark = pytest.mark.skipif(not MODULES, reason=golden.MISSING)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return check_all(MODULES, tmp_path_factory.mktemp("cases"))


def succeeds(name: str) -> bool:
    record = json.loads((golden.FOLDER / "records" / f"{name}.json").read_text(encoding="utf-8"))
    return all(run["state"] == "succeeded" for run in record.get("runs", [record]))


def table(names: Iterable[str], found: Findings) -> str:
    return "\n".join(f"{name}: {[f.text for f in found[name]]}" for name in names)


def among(name: str, *kinds: str) -> bool:
    patterns = (p for kind in kinds for names in RULES[kind].values() for p in names)
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def test_what_fails_there_is_found_here(found: Findings) -> None:
    silent = [name for name in found if not found[name] and not succeeds(name)]
    unforeseen = [name for name in silent if not among(name, "fails_on_purpose", "cured")]
    assert unforeseen == [], table(unforeseen, found)


def test_what_does_as_meant_there_has_no_finding(found: Findings) -> None:
    told = [name for name in found if found[name] and succeeds(name)]
    unforeseen = [name for name in told if not among(name, "not_as_meant")]
    assert unforeseen == [], table(unforeseen, found)


def test_every_exception_is_one(found: Findings) -> None:
    for kind, is_told in (("fails_on_purpose", False), ("cured", False), ("not_as_meant", True)):
        for patterns in RULES[kind].values():
            for pattern in patterns:
                names = fnmatch.filter(found, pattern)
                matching = [
                    n for n in names if succeeds(n) is is_told and bool(found[n]) is is_told
                ]
                assert matching, f"{pattern} is no exception any more"


def test_every_finding_has_a_line_of_the_project(found: Findings) -> None:
    for name, findings in found.items():
        for finding in findings:
            assert finding.path in ("pipeline.py", "params/dev.yaml"), name
            assert finding.line > 1 or finding.path != "pipeline.py", (name, finding.text)
