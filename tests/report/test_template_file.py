"""The page's template is compiled once, where that can be kept."""

from pathlib import Path

import pytest

from kfp_workbench.report import template_file


@pytest.mark.parametrize("can_keep", [True, False])
def test_a_template_is_compiled_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_keep: bool
) -> None:
    kept = tmp_path / "kept"
    if not can_keep:
        kept.write_text("no folder")
    monkeypatch.setattr(template_file, "KEPT", kept if can_keep else kept / "below")
    source = tmp_path / "a.html"
    for text in ("<b>{{ x }}</b>", "<b>{{ x }}</b>", "<i>{{ x }}</i>"):
        source.write_text(text)
        page = template_file.load(source, {}).render(x="<a>")
        assert page == text.replace("{{ x }}", "&lt;a&gt;")
    assert not can_keep or len(list(kept.iterdir())) == 1
