"""The worked example finds a good model, the same one each time, and publishes no other."""

import html.parser
import re
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def outputs(run_pipeline: Any) -> dict[str, Any]:
    """Return what a run with the parameters of params/ results in."""
    found: dict[str, Any] = run_pipeline()
    return found


def published(outputs: dict[str, Any]) -> list[Path]:
    """Return the models that a run published."""
    report: Path = outputs["report"]
    run = next(folder for folder in report.parents if (folder / "run.json").exists())
    return list(run.glob("tasks/*-publish/artifacts/publish/*/published"))


def test_the_model_is_good_and_published(outputs: dict[str, Any]) -> None:
    """Whoever always said "benign" would be right for 63 of 100."""
    assert 0.9 < outputs["accuracy"] < 1
    assert outputs["best"]["settings"]["max_depth"] > 1, "one question is not enough"
    (model,) = published(outputs)
    assert model.stat().st_size > 1000


def test_the_report_is_a_complete_page(outputs: dict[str, Any]) -> None:
    """Every element is closed, nothing is left to fill in, nothing comes from elsewhere."""
    page = outputs["report"].read_text(encoding="utf-8")
    _Balance().feed(page)
    assert page.startswith("<!doctype html>") and page.endswith("</html>\n")
    assert f"{outputs['accuracy']:.1%} of the test rows" in page
    assert page.count("<svg") == 2 and page.count("<td") == 4
    assert "$" not in page and "://" not in page and "<script" not in page


def test_a_seed_gives_one_result_and_a_threshold_keeps_it_back(
    outputs: dict[str, Any], run_pipeline: Any
) -> None:
    """To the last digit; no model has an accuracy above 1."""
    again = run_pipeline(threshold=1.1)
    assert {**again, "report": ""} == {**outputs, "report": ""}
    assert again["report"].read_bytes() == outputs["report"].read_bytes()
    assert published(again) == []


@pytest.mark.parametrize(
    ("parameters", "step", "words"),
    [
        ({"test_share": 2}, "split", "test_share: 2.0 is not between 0 and 1: give 0.25 or so"),
        ({"depths": [0]}, "train", "depth: 0 is not a whole number from 1 to 4294967295"),
    ],
)
def test_a_bad_input_is_refused_in_one_line(
    run_pipeline: Any,
    capfd: pytest.CaptureFixture[str],
    parameters: dict[str, Any],
    step: str,
    words: str,
) -> None:
    """By the step that it is for, with exit status 2, in each attempt."""
    with pytest.raises(pytest.fail.Exception, match=f"step {step} failed with exit status 2"):
        run_pipeline(**parameters)
    lines = re.findall(rf"^ *{step}\b.* \| (.*)", capfd.readouterr().err, re.M)
    assert lines
    assert all(line == f"{step}: {words}" for line in lines), lines


def test_a_loop_over_nothing_leaves_nothing_to_choose_from(run_pipeline: Any) -> None:
    """As on a cluster, where the step that collects from the loop does not begin."""
    with pytest.raises(pytest.fail.Exception, match="evaluate: train has not been run"):
        run_pipeline(depths=[])


class _Balance(html.parser.HTMLParser):
    """Fails when an element is not closed, or another one is; meta never is."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"
        assert bool(self.open) == (tag != "html")
