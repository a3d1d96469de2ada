"""Templates of steps: filled in as Jinja does it, with Jinja and without."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined, TemplateError

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.scaffold import ports, writing
from kfp_workbench.scaffold.rendering import render
from shared.baking import PROJECT

VALUES = {"step": "load_data", "title": "Load data", "image": "x/y"}
PIECES = st.sampled_from(
    [
        *(
            "{{ step }}",
            "{{title}}",
            "{{  image }}",
            "{{ step | upper }}",
            "{{- step -}}",
            "{{ no }}",
        ),
        *("{% if step %}", "{% endif %}", "{% raw %}", "{% endraw %}", "{# x #}", "{{ '{{' }}"),
        *("{{", "}}", "{", "}", "{%", "text", " ", "\n", "\n\n", "é", "{inputValue: x}"),
    ]
)


def by_jinja(template: str) -> str | None:
    environment = Environment(keep_trailing_newline=True, undefined=StrictUndefined)
    try:
        return environment.from_string(template).render(VALUES)
    except TemplateError:
        return None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(pieces=st.lists(PIECES, max_size=8))
def test_it_is_what_jinja_makes(pieces: list[str]) -> None:
    template = "".join(pieces)
    expected = by_jinja(template)
    if expected is None:
        with pytest.raises(WorkbenchError, match=r"^x: .+: mend it; it may use \{\{ step \}\}, "):
            render("x", template, VALUES)
    else:
        assert render("x", template, VALUES) == expected


def test_the_templates_own_steps_need_no_jinja(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    made = ports.read("data:Dataset", "model:Model score:float")
    values = {**VALUES, "base_image": "a:1", "summary": "Loads"}
    values |= {**writing.script("fit", made), **writing.test("fit", made)}
    for path in (PROJECT / "templates").glob("*/*"):
        assert "{{" not in render(path.name, path.read_text(encoding="utf-8"), values)
    with pytest.raises(ImportError):
        render("x", "{{ step | upper }}", VALUES)
