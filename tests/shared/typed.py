"""A project of two typed steps, with an input and an output of every kind."""

import json
from collections.abc import Mapping
from pathlib import Path

from shared.baking import bake

MAKE = '''\
"""Publishes one of everything."""

import sys

from common.step import Step, run


def everything(step: Step) -> None:
    for name, kind in (("text", str), ("whole", int), ("real", float), ("flag", bool), ("items", list), ("object", dict)):
        step.publish(f"{name}_out", step.parameter(name, kind))
    with step.output("dataset", rows=2, schema={"a": "int"}) as path:
        path.write_text("a\\n1\\n2\\n")
    with step.output("model", framework="none") as path:
        path.mkdir()
        (path / "weights").write_bytes(b"\\x00\\xff")
    with step.output("artifact") as path:
        path.write_text("é")
    step.metrics("metrics", accuracy=0.97, count=3)
    step.classification_metrics(
        "evaluation", labels=["no", "yes"], matrix=[[5, 1], [0, 4]], roc=[(0, 0, 1), (0.2, 1, 0.5)]
    )
    for name in ("html", "markdown"):
        with step.output(name) as path:
            path.write_text(f"<b>{name}</b>")


if __name__ == "__main__":
    sys.exit(run("make", everything))
'''
READ = '''\
"""Tells what it was given."""

import json
import logging
import sys

from common.step import Step, run


def read(step: Step) -> None:
    logging.info("reading")
    given = json.loads(sys.argv[2])
    found = {"given": given["inputs"]["artifacts"]["dataset"], "more": given["outputs"]["artifacts"]}
    for name in ("dataset", "model", "artifact", "metrics", "evaluation", "html", "markdown"):
        path, metadata = step.artifact(name)
        files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.exists() else []
        found[name] = {"metadata": metadata, "content": [file.read_bytes().hex() for file in files]}
    for name, kind in (("text", str), ("whole", int), ("real", float), ("flag", bool), ("items", list), ("object", dict)):
        found[name] = step.parameter(name, kind)
    step.publish("Output", found)


if __name__ == "__main__":
    sys.exit(run("read", read))
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
