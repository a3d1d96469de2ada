"""Pieces of HTML: what is filled in stays text, whatever it is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from markupsafe import Markup

from kfp_workbench.report.pieces import details, fill
from shared.baking import TEMPLATE


@pytest.mark.parametrize(
    ("value", "filled_in"),
    [
        ("<b>\"a\" & 'c'</b>", "&lt;b&gt;&#34;a&#34; &amp; &#39;c&#39;&lt;/b&gt;"),
        ("a\x00\x1b[31mb\u202e", "a\ufffdb\ufffd"),
        ("{x} {{ x }} %s", "{x} {{ x }} %s"),
        (["<b>"], "[&#39;&lt;b&gt;&#39;]"),
        (0, "0"),
        (Markup("<i>x</i>"), "<i>x</i>"),
        (iter(["<b>\x00", Markup("<i>"), 2]), "&lt;b&gt;\ufffd\n<i>\n2"),
    ],
    ids=["markup", "forbidden", "braces", "list", "number", "piece", "several"],
)
def test_a_value_is_text_unless_it_is_a_piece(value: object, filled_in: str) -> None:
    assert fill('<p title="{x}">', x=value) == f'<p title="{filled_in}">'


def test_a_piece_is_indented_as_its_code_is_and_its_values_are_not() -> None:
    piece = fill(
        """
        <ul>
        <li><pre>{x}</pre></li>
        </ul>
        """,
        x="  a\n    b",
    )
    assert piece == "<ul>\n<li><pre>  a\n    b</pre></li>\n</ul>"


def test_values_are_folded_up_below_their_number() -> None:
    assert "<summary>1 entry</summary>" in details("entry", {"a": 1}, "entries")
    assert "<summary>2 entries</summary>" in details("entry", {"a": 1, "b": 2}, "entries")
    assert details("entry", {}, "entries") == ""


def test_a_piece_that_is_made_of_values_is_no_style(tmp_path: Path) -> None:
    """Only what is written in our own code may be markup."""
    module = tmp_path / "piece.py"
    words = [sys.executable, "-m", "ruff", "check", "--config", str(TEMPLATE / "pyproject.toml")]
    for piece, codes in (('f"<b>{x}</b>"', ["S704"]), ('"<b>{x}</b>"', [])):
        module.write_text(
            '"""A piece."""\n\nfrom kfp_workbench.report.pieces import fill\n\n'
            f'x = "<i>"\nprint(fill({piece}, x=x))\n'
        )
        found = subprocess.run(
            [*words, "--no-cache", "--output-format", "json", str(module)],
            capture_output=True, text=True,
        )  # fmt: skip
        assert [finding["code"] for finding in json.loads(found.stdout)] == codes, found.stderr
