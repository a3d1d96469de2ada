"""A compiled pipeline that is written again holds the very texts that it held."""

import pytest
import yaml

from kfp_workbench.pipeline import packages

TEXTS = ["é", "\x85", "a\u2028b", "a\n\u2029b", "\ufeff", "1e3", " x", "yes", "\t", "\x7f"]


@pytest.mark.parametrize("has_c", [True, False], ids=["C", "Python"])
def test_texts_are_kept(has_c: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_c:
        monkeypatch.delattr(yaml, "CSafeDumper", raising=False)
    written = packages.text([{"texts": TEXTS}])
    assert yaml.safe_load(written) == {"texts": TEXTS}
    assert yaml.load(written, yaml.CSafeLoader) == {"texts": TEXTS}
