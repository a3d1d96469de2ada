"""Conditions and selectors: what cel-go makes of them, and never a false for an error."""

from typing import Any

import pytest

from kfp_workbench.local import expression
from kfp_workbench.local.problems import CelError

VALUES = {
    "a": 3.0,
    "b": "&& ! ||",
    "c": 0.5,
    "flag": True,
    "none": None,
    "l": [1.0],
    "d": {"k": "v"},
}


def value(name: str) -> str:
    return f"inputs.parameter_values['{name}']"


HOLDS = [
    (f"int({value('a')}) == 3", True),
    (f"{value('a')} == 3", True),
    (f"{value('a')} == 3.0", True),
    (f"{value('a')} > 2.5", True),
    (f"double(int({value('a')})) > 2.5", True),
    (f"!(int({value('a')}) == 3)", False),
    ("!(false) && (true || false)", True),
    (f"{value('b')} != '&& ! ||'", False),
    (f"{value('c')} >= 0.5", True),
    (f"{value('flag')} == true", True),
    (f"{value('none')} == null", True),
    (f"{value('a')} == '3'", False),  # unlike kinds are unequal
    (f"{value('l')} == [1]", True),
    (f"{value('d')}['k'] == \"v\"", True),
    (f"{value('d')}.k == r'v'", True),
    (f"'k' in {value('d')}", True),
    (f"{value('a')} in [1, 3]", True),
    ("'a\\x62\\u0063\\101' == 'abcA'", True),
    ("'''it's'''.startsWith('it')", True),
    ("size('日本') == 2", True),
    ("-7 / 2 == -3 && -7 % 2 == -1", True),
    ("9007199254740993 % 9007199254740995 == 9007199254740993", True),
    ("1 + 2 * 3 == 7 ? true : false", True),
    ("'b' > 'a' && 'Z' < 'a'", True),
    ("has(inputs.parameter_values)", True),
    (f"has({value('d')}.k) && !has({value('d')}.x)", True),
    ("int(9007199254740993.0) == 9007199254740992", True),
    # One side that decides makes up for an error of the other.
    (f"false && {value('x')} == 1", False),
    (f"{value('x')} == 1 || true", True),
]
FAILS = [
    (f"{value('x')} == 1", "no such key: x"),
    (f"{value('a')} < '9'", r"cannot be applied to \(double, string\)"),
    ("'1' == 1", "cannot be applied to"),
    ("1 && true", "cannot be applied to"),
    ("f(1)", "no function f"),
    ("[1].all(x, x > 0)", r"all\(\) is not known here"),
    ("1 +", "unexpected"),
    ("a == 1", "there is no a"),
    ("'C:\\data' == ''", "no escape"),
    ("'it's' == ''", "no token"),
    ("'int(' x ')' == ''", "unexpected 'x'"),
    ("'two\nlines' == ''", "no token"),
    ("1", "neither true nor false"),
    (f"int({value('b')}) == 1", "int cannot be applied"),
    ("9223372036854775807 + 1 > 0", "overflow"),
    ("1 / 0 == 1", "has no result"),
    ("for == 1", "reserved"),
    (f"has({value('a')}.k)", r"has cannot be applied to \(double\)"),
    (f"has({value('b')}.k)", r"has cannot be applied to \(string\)"),
    ("{[1]: 2} == {}", "a key cannot be"),
    ("has()", r"has\(\) takes a field"),
    (f"{'(' * 3000}true{')' * 3000}", "nested too deeply"),
    (f"1{' + 1' * 5000} == 1", "nested too deeply"),
    (f"{'1' * 5000} == 1", "is out of range"),
    ("double(' 1') > 0.5", r"double cannot be applied to \(string\)"),
    (f"int('{'9' * 5000}') > 1", "int cannot be applied"),
]


@pytest.mark.parametrize(("condition", "expected"), HOLDS)
def test_a_condition_is_what_cel_go_makes_of_it(condition: str, expected: bool) -> None:
    assert expression.condition(condition, VALUES) is expected


@pytest.mark.parametrize(("condition", "said"), FAILS)
def test_a_condition_that_cannot_be_evaluated_is_not_false(condition: str, said: str) -> None:
    with pytest.raises(CelError, match=said):
        expression.condition(condition, VALUES)


@pytest.mark.parametrize(
    ("given", "selector", "expected"),
    [
        ('{"a": [1, "x"]}', 'parseJson(string_value)["a"]', [1.0, "x"]),
        ({"a": {"b": True}}, 'parseJson(string_value)["a"]["b"]', True),
        ([1.0, 2.5], "parseJson(string_value)[1]", 2.5),
        ({"a": "x"}, "struct_value.a", "x"),
        ([2.0], "list_value[0]", 2.0),
        (7.0, "string_value", "7"),
    ],
)
def test_a_selector_takes_a_part(given: Any, selector: str, expected: Any) -> None:
    assert expression.select(given, selector) == expected


@pytest.mark.parametrize(
    ("given", "selector"),
    [
        ('{"a": 1}', 'parseJson(string_value)["b"]'),
        ("no JSON", 'parseJson(string_value)["a"]'),
        ("[" * 100_000, 'parseJson(string_value)["a"]'),
        ('{"a": null}', 'parseJson(string_value)["a"]'),
        ("text", "list_value[0]"),
    ],
)
def test_a_part_that_is_not_there_is_an_error(given: Any, selector: str) -> None:
    with pytest.raises(CelError):
        expression.select(given, selector)
