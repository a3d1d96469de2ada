"""Values as KFP's parts write them: the same number has three forms."""

import json
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.local import expansion, lightweight, placeholders, values
from kfp_workbench.local.places import Place
from kfp_workbench.local.processes import Home, ProcessRunner
from kfp_workbench.local.runners import Job

NUMBERS = [
    # As the driver, the launcher and JSON write it.
    (0.0, "0", "0", "0"),
    (-1.0, "-1", "-1", "-1"),
    (2.5, "2.5", "2.5", "2.5"),
    (-(2.0**63), "-9223372036854775808", "-9223372036854776000", "-9223372036854776000"),
    (2.0**53, "9007199254740992", "9007199254740992", "9007199254740992"),
    (1e6, "1000000", "1000000", "1000000"),
    (1000000.5, "1.0000005e+06", "1000000.5", "1000000.5"),
    (123456789.125, "1.23456789125e+08", "123456789.125", "123456789.125"),
    (1e18, "1000000000000000000", "1000000000000000000", "1000000000000000000"),
    (1e21, "1e+21", "1000000000000000000000", "1e+21"),
    (1e-5, "1e-05", "0.00001", "0.00001"),
    (1e-7, "1e-07", "0.0000001", "1e-7"),
    (-1.25e-7, "-1.25e-07", "-0.000000125", "-1.25e-7"),
    (-0.0001, "-0.0001", "-0.0001", "-0.0001"),
    (1.2345678901234568e16, "12345678901234568", "12345678901234568", "12345678901234568"),
    (-1.5e300, "-1.5e+300", "-15" + 299 * "0", "-1.5e+300"),
]


@pytest.mark.parametrize(("number", "driver", "launcher", "text"), NUMBERS)
def test_numbers(number: float, driver: str, launcher: str, text: str) -> None:
    assert values.driver_text(number) == driver
    assert values.launcher_text(number) == launcher
    assert values.json_text([number]) == f"[{text}]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, ""),
        ("a b", "a b"),
        (["café", "<a> & b", "\u2028", 'say "x"', "one\ntwo", "\x7f"],
         '["café","\\u003ca\\u003e \\u0026 b","\\u2028","say \\"x\\"","one\\ntwo","\x7f"]'),
        ({"b": {"z": [], "y": None}, "10": 1.0, "9": 2.0}, '{"10":1,"9":2,"b":{"y":null,"z":[]}}'),
    ],
)  # fmt: skip
def test_other_values(value: Any, text: str) -> None:
    assert values.driver_text(value) == values.launcher_text(value) == text


IF = {
    "IfPresent": {"InputName": "n", "Then": ["--n", "{{$.inputs.parameters['n']}}"], "Else": "none"}
}


@pytest.mark.parametrize(
    ("words", "given", "expected"),
    [
        (["--n={{$.inputs.parameters['n']}}"], {"n": 3.0}, ["--n=3"]),
        (["{{$.inputs.parameters['n']}} {{$.outputs.x}}"], {"n": 3.0}, None),  # the launcher's
        (["{{$.inputs.artifacts['n'].path}}"], {}, None),
        ([json.dumps(IF)], {"n": 3.0}, ["--n", "3"]),
        ([json.dumps(IF)], {"n": None}, ["none"]),
        ([json.dumps({"IfPresent": {"InputName": "n", "Then": "x"}})], {}, []),
        (
            ['{"Concat": ["a", "{{$.inputs.parameters[\'n\']}}"]}'],
            {"n": 1.0},
            ['{"Concat": ["a", "1"]}'],
        ),
    ],
)
def test_what_the_driver_resolves(
    words: list[str], given: dict[str, Any], expected: list[str] | None
) -> None:
    assert placeholders.resolve(words, given) == (words if expected is None else expected)


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("{{$.inputs.parameters['n']}}", "no-value"),
        (json.dumps({"IfPresent": {"InputName": "n", "Else": [{"Concat": []}]}}), "placeholder"),
        (json.dumps({"IfPresent": {"InputName": "n", "Else": {"a": 1}}}), "placeholder"),
    ],
)
def test_what_the_driver_stumbles_over(word: str, code: str) -> None:
    with pytest.raises(placeholders.PlaceholderError) as caught:
        placeholders.resolve([word], {})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A) $$ $$(A) $A ${A} $(B) 5$ a$b", "x $ $(A) $A ${A} $(B) 5$ a$b"),
        ("$", "$"),
        ("$(A", "$(A"),
        ("$$$(A)", "$x"),
    ],
)
def test_kubernetes_expands_references(text: str, expected: str) -> None:
    assert expansion.expand(text, {"A": "x"}) == expected


def test_variables_know_those_before_them() -> None:
    found = expansion.environment({"A": "1", "B": "$(A)2", "C": "$(D)", "D": "4"}, {})
    assert found == {"A": "1", "B": "12", "C": "$(D)", "D": "4"}


SCRIPT = """
if ! [ -x "$(command -v pip)" ]; then
    python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip
fi

PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --no-warn-script-location --index-url https://i/s 'six==1.17.0' 'a[b]>1'  &&  python3 -m pip install --quiet --no-warn-script-location 'kfp==2.17.0' '--no-deps' 'typing-extensions>=3.7.4,<5; python_version<"3.9"' && "$0" "$@"
"""
REST = ["sh", "-ec", "python3 -m kfp.dsl.executor_main", "code"]


def test_a_lightweight_component_says_what_it_needs() -> None:
    found = lightweight.read(["sh", "-c", SCRIPT, *REST])
    assert found is not None
    assert found.packages == ("six==1.17.0", "a[b]>1")
    assert found.options == ("--index-url", "https://i/s")
    assert found.command == tuple(REST)
    assert lightweight.read(REST) == lightweight.Lightweight((), (), tuple(REST))
    assert lightweight.read(["python", "main.py"]) is None


def test_components_share_what_comes_from_the_same_place(tmp_path: Path) -> None:
    places = [("sh", "-c", SCRIPT.replace("//i/s", f"//{index}/s"), *REST) for index in "ij"]
    found = [lightweight.read(command) for command in places]
    homes = {
        ("image", *item.installed): Home(tmp_path / index)
        for item, index in zip(found, "ij", strict=True)
        if item
    }
    runner = ProcessRunner({}, homes)
    for command, index in zip(places, "ij", strict=True):
        job = Job("a", "image", command, {}, Place(tmp_path, tmp_path, False), tmp_path / "log")
        assert runner._at_home(job)[1].binaries == tmp_path / index
