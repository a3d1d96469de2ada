"""What a command line gives; what is wrong with one is a line."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.commands import options
from kfp_workbench.setup import sources

LOCAL = "error: make local: it takes --env, -p, --runner, --compile, and ARGS has"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["local", "--foo"], f"{LOCAL} --foo"),
        (["local", "n=5", "--env", "dev"], f"{LOCAL} n=5"),
        (["local", "password=hush"], f"{LOCAL} password=***"),
        (["report", "one", "two"], "error: make report: it takes RUN, and ARGS has two"),
        (["graph", "x"], "error: make graph: it takes nothing, and ARGS has x"),
        (["local", "-p"], "error: make local: argument -p: expected one argument"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: Sequence[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        options.parse(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"{line}\n"


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


def test_wheels_go_where_set_up_looks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every shell fills ``~`` in after an equals sign."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "wheels").mkdir()
    folder = options.parse(["wheels", "~/wheels"]).folder
    assert folder == tmp_path / "wheels"
    assert sources.for_pip({"WHEELS": "~/wheels"})["PIP_FIND_LINKS"] == str(folder)


FROM_MAKE = {
    "usual": ("doctor", {}, {"env": "dev"}),
    "environment": ("run", {"ENV": "prod", "NAME": "pc"}, {"env": "prod", "name": None}),
    "no-environment": ("run", {"ENV": ""}, {"env": ""}),
    "all-schedules": ("schedule", {}, {"env": None}),
    "local": ("local", {"RUNNER": "docker"}, {"runner": "docker", "compile": True}),
    "no-runner": ("local", {"RUNNER": ""}, {"runner": "auto"}),
    "step": ("step", {"NAME": "-x", "IN": "--a b"}, {"name": "-x", "in": "--a b", "out": ""}),
    "no-step": ("component", {}, {"step": ""}),
    "debug": ("debug", {"STEP": "a", "RUN": "-1"}, {"step": "a", "run": "-1", "iteration": ""}),
    "wheels": ("wheels", {"WHEELS": ""}, {"folder": Path("wheels")}),
}


@pytest.mark.parametrize(("verb", "given", "expected"), FROM_MAKE.values(), ids=FROM_MAKE)
def test_what_make_was_given_is_in_its_variables(
    verb: str, given: dict[str, str], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", given)
    found = vars(options.parse(["make", verb]))
    assert {name: found[name] for name in expected} == expected


def test_variables_count_for_what_make_calls_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV", "prod")
    assert options.parse(["doctor"]).env == "dev"
    assert options.parse(["make", "run", "--env", "test"]).env == "test", "ARGS counts more"
