"""A project of two typed steps, with an input and an output of every kind."""

import json
from collections.abc import Mapping
from pathlib import Path

from shared.baking import bake

MAKE = '''\
"""Publishes one of everything."""

from pathlib import Path
from typing import NamedTuple

from common.step import (
    HTML,
    Artifact,
    ClassificationMetrics,
    Dataset,
    Markdown,
    Metrics,
    Model,
    Output,
    step,
)


class Outputs(NamedTuple):
    text_out: str
    whole_out: int
    real_out: float
    flag_out: bool
    items_out: list
    object_out: dict


@step
def make(
    text: str,
    whole: int,
    real: float,
    flag: bool,
    items: list,
    object: dict,
    dataset: Output[Dataset],
    model: Output[Model],
    artifact: Output[Artifact],
    metrics: Output[Metrics],
    evaluation: Output[ClassificationMetrics],
    html: Output[HTML],
    markdown: Output[Markdown],
) -> Outputs:
    Path(dataset.path).write_text("a\\n1\\n2\\n")
    dataset.metadata = {"rows": 2, "schema": {"a": "int"}}
    Path(model.path).mkdir()
    Path(model.path, "weights").write_bytes(b"\\x00\\xff")
    model.framework = "none"
    Path(artifact.path).write_text("é")
    metrics.log_metric("accuracy", 0.97)
    metrics.log_metric("count", 3)
    evaluation.log_confusion_matrix(["no", "yes"], [[5, 1], [0, 4]])
    evaluation.log_roc_curve([0, 0.2], [0, 1], [1, 0.5])
    for page in (html, markdown):
        Path(page.path).write_text(f"<b>{page.name}</b>")
    return Outputs(text, whole, real, flag, items, object)


if __name__ == "__main__":
    make.main()
'''
READ = '''\
"""Tells what it was given."""

import json
import logging
import sys
from pathlib import Path

from common.step import (
    HTML,
    Artifact,
    ClassificationMetrics,
    Dataset,
    Input,
    Markdown,
    Metrics,
    Model,
    step,
)


@step
def read(
    dataset: Input[Dataset],
    model: Input[Model],
    artifact: Input[Artifact],
    metrics: Input[Metrics],
    evaluation: Input[ClassificationMetrics],
    html: Input[HTML],
    markdown: Input[Markdown],
    text: str,
    whole: int,
    real: float,
    flag: bool,
    items: list,
    object: dict,
) -> dict:
    logging.info("reading")
    given = json.loads(sys.argv[2])
    found = {"given": given["inputs"]["artifacts"]["dataset"], "more": given["outputs"]["artifacts"]}
    for item in (dataset, model, artifact, metrics, evaluation, html, markdown):
        path = Path(item.path)
        files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.exists() else []
        content = [file.read_bytes().hex() for file in files]
        found[item.name] = {"metadata": item.metadata, "content": content}
    values = {"text": text, "whole": whole, "real": real, "flag": flag, "items": items}
    return {**found, **values, "object": object}


if __name__ == "__main__":
    read.main()
'''
PARAMETERS = {
    "text": "String", "whole": "Integer", "real": "Float", "flag": "Boolean",
    "items": "JsonArray", "object": "JsonObject",
}  # fmt: skip
ARTIFACTS = {
    "dataset": "Dataset", "model": "Model", "artifact": "Artifact", "metrics": "Metrics",
    "evaluation": "ClassificationMetrics", "html": "HTML", "markdown": "Markdown",
}  # fmt: skip
PIPELINE = '''\
"""Makes everything, and reads it."""

from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"
make = load_component_from_file(str(STEPS / "make" / "component.yaml"))
read = load_component_from_file(str(STEPS / "read" / "component.yaml"))


@dsl.pipeline(name="typed")
def pipeline(text: str, whole: int, real: float, flag: bool, items: list, object: dict) -> dict:
    made = make(text=text, whole=whole, real=real, flag=flag, items=items, object=object)
    names = ("dataset", "model", "artifact", "metrics", "evaluation", "html", "markdown")
    given = {name: made.outputs[name] for name in names}
    for name in ("text", "whole", "real", "flag", "items", "object"):
        given[name] = made.outputs[f"{name}_out"]
    return read(**given).output
'''
VALUES = {
    "text": "é \"quoted\" $x 'y' {{ z }}\n", "whole": 3, "real": 2.0, "flag": False,
    "items": [1, "a", [True]], "object": {"k": {"$": [0.5]}},
}  # fmt: skip


def component(name: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    ports = [
        f"{kind}:\n"
        + "".join(f"- {{name: {key}, type: {value}}}\n" for key, value in items.items())
        for kind, items in (("inputs", inputs), ("outputs", outputs))
    ]
    return f"""name: {name}
{"".join(ports)}implementation:
  container:
    image: localhost:5000/typed/{name}
    command: [python, main.py]
    args: [--executor-input, {{executorInput: null}}]
"""


def make_project(folder: Path) -> Path:
    """Return a project of two typed steps."""
    project = bake(folder, project_slug="typed", starter="blank", steps="make, read")
    steps = project / "steps"
    (steps / "make" / "main.py").write_text(MAKE, encoding="utf-8")
    (steps / "read" / "main.py").write_text(READ, encoding="utf-8")
    outputs = {f"{name}_out": kind for name, kind in PARAMETERS.items()} | ARTIFACTS
    (steps / "make" / "component.yaml").write_text(component("make", PARAMETERS, outputs))
    given = component("read", {**ARTIFACTS, **PARAMETERS}, {"Output": "JsonObject"})
    (steps / "read" / "component.yaml").write_text(given)
    (project / "pipeline.py").write_text(PIPELINE, encoding="utf-8")
    (project / "params" / "dev.yaml").write_text(json.dumps(VALUES), encoding="utf-8")
    return project
