"""What verbs are given by variables."""

import pytest

from kfp_workbench.commands import given
from kfp_workbench.errors import WorkbenchError


@pytest.mark.parametrize(("text", "is_on"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_what_switches_something_on(
    monkeypatch: pytest.MonkeyPatch, text: str | None, is_on: bool
) -> None:
    monkeypatch.delenv("APPLY", raising=False)
    if text is not None:
        monkeypatch.setenv("APPLY", text)
    assert given.switch("APPLY") is is_on


@pytest.mark.parametrize("name", ["APPLY", "ALLOW_UNPINNED", "WAIT", "CACHE"])
def test_what_is_neither_on_nor_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "yes")
    with pytest.raises(WorkbenchError, match=f"^{name}='yes': write {name}=1, or leave it away$"):
        given.switch(name)
