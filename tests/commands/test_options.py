"""The verbs, of which only those that are near the one that is called are made."""

import argparse

import pytest

from kfp_workbench.commands import options


@pytest.mark.parametrize("add", options._GROUPS)
def test_a_group_is_made_for_its_verbs(add: options.Add) -> None:
    verbs = argparse.ArgumentParser().add_subparsers()
    add(verbs)
    assert {*verbs.choices} == options._GROUPS[add]


def test_a_verb_that_there_is_not_is_refused_with_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse(["nothing"])
    said = capsys.readouterr().err
    assert all(verb in said for verbs in options._GROUPS.values() for verb in verbs)
