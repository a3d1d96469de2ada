"""The figures of plots: which are drawn, and how many of them are kept."""

from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.local import record
from kfp_workbench.project.secrecy import NO_MASK
from kfp_workbench.report import page, plots


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"confusionMatrix": 1, "confidenceMetrics": "x"},
        {"confusionMatrix": {"annotationSpecs": [{"displayName": "a"}], "rows": []}},
        {"confusionMatrix": {"annotationSpecs": [{"displayName": "a"}], "rows": [{"row": ["1"]}]}},
        {"confusionMatrix": {"annotationSpecs": [], "rows": []}, "confidenceMetrics": [1, {}]},
        {"confidenceMetrics": [{"falsePositiveRate": float("nan"), "recall": 1}] * 3},
    ],
)
def test_figures_that_are_none_are_not_drawn(metadata: Any) -> None:
    lost = [
        name
        for name, key in (("matrix", "confusionMatrix"), ("curve", "confidenceMetrics"))
        if key in metadata
    ]
    assert plots.evaluation(metadata) == {"matrix": None, "curve": None, "lost": lost}


WRAPPED = {"confusionMatrix": "struct", "confidenceMetrics": "list"}  # by KFP's metadata service


def _kept(folder: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of an artifact as they are in the record of a run."""
    artifact = {"key": "e", "type": "", "uri": "", "file": "", "metadata": metadata}
    task = record.Task("t", "container", "T", "t", artifacts_out=[artifact])
    run = record.Run("p", "T", "process", {}, tasks=[task])
    record.Recorder(run, folder, NO_MASK).end("succeeded")
    kept: dict[str, Any] = record.read(folder).tasks[0].artifacts_out[0]["metadata"]
    return kept


@pytest.mark.parametrize("count", [1, 2, 500, 1000, 1001, 10_000])
def test_many_points_and_labels_are_thinned_out(count: int, tmp_path: Path) -> None:
    labels = [{"displayName": str(n)} for n in range(100)]
    last = count - 1 or 1
    points = [{"falsePositiveRate": n / last, "recall": n / last} for n in range(count)]
    metadata = {
        "confusionMatrix": {"annotationSpecs": labels, "rows": [{"row": [0] * 100}] * 100},
        "confidenceMetrics": points,
    }
    kept = _kept(tmp_path, {key: {kind: metadata[key]} for key, kind in WRAPPED.items()})
    found = plots.evaluation(page.unwrapped(kept))
    assert found["matrix"]["plot"] is None and len(found["matrix"]["rows"]) == 100
    if count == 1:
        assert found["lost"] == ["curve"], "a point is no curve"
        return
    assert min(count, 500) <= len(found["curve"]["points"]) <= record.MOST_POINTS
    assert found["curve"]["points"][0][0] == 0.0 and found["lost"] == []
    assert found["curve"]["points"][-1][0] == 1.0, "the ends stay"
    assert abs(found["curve"]["area"] - 0.5) < 0.001
