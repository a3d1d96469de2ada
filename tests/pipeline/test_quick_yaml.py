"""kfp reads components with libyaml as with Python's own parser."""

import inspect

import pytest
import yaml
from kfp.dsl import structures

from kfp_workbench.pipeline import quick_yaml

TEXTS = [
    "a: [1, 1.5, 1e3, .inf, true, null, ~, yes, 2020-01-01, 0o7, 010, 1_000]\n",
    "a: &x {b: \"\\u00e9\\n\", 'c': |-\n  d\n   e\n}\n",
    "# head\na: &x [b]\nc: *x\n<<: {d: e}\n",
    "a: >\n  b\n  c\n---\nd: é\n",
    "",
    "a\n",
]
BROKEN = ["a: [", "a: b: c", "a: !!python/object:os.system {}", "\ta: b", "a: *x", "- a\nb: c"]


def test_kfp_reads_with_these_two() -> None:
    source = inspect.getsource(structures)
    assert source.count("yaml.safe_load(") == source.count("yaml.safe_load_all(") == 1
    assert "import yaml\n" in source


@pytest.mark.parametrize("text", TEXTS)
def test_the_values_are_the_same(text: str) -> None:
    try:
        expected = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        expected = [str(error)]
    with quick_yaml.applied():
        found = structures.yaml.safe_load_all
    try:
        assert repr(list(found(text))) == repr(expected)
    except yaml.YAMLError as error:
        assert [str(error)] == expected


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_broken_is_told_in_the_same_words(text: str) -> None:
    with pytest.raises(yaml.YAMLError) as expected:
        yaml.safe_load(text)
    with quick_yaml.applied():
        quick = structures.yaml.safe_load
    with pytest.raises(yaml.YAMLError) as caught:
        quick(text)
    assert str(caught.value) == str(expected.value)
    assert structures.yaml is yaml
