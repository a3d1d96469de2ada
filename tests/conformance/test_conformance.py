"""Local runs as processes do what the backend did: with our own cases, and the recorded ones."""

from pathlib import Path

import pytest

from conformance.calling import GOLDEN, OWN, Result, conformance

FOLDERS = [OWN, *GOLDEN]


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def result(request: pytest.FixtureRequest) -> Result:
    folder: Path = request.param
    return conformance(folder, "process")


def test_no_case_differs(result: Result) -> None:
    assert result.differ == {}, result.table
    assert result.agree


def test_what_is_refused_is_refused_on_purpose_and_seldom(result: Result) -> None:
    unforeseen = {name: why for name, why in result.refused.items() if "on purpose" not in why}

    assert unforeseen == {}
    assert len(result.refused) * 10 <= len(result.refused) + len(result.agree)


def test_the_table_counts_what_the_object_names(result: Result) -> None:
    total = result.table.splitlines()[-1 - result.elsewhere].split(" | ")
    counts = [len(result.agree), len(result.refused), len(result.differ)]

    assert list(map(int, total[1:])) == [sum(counts), *counts]
