"""A project whose steps are debugged: scripts in a loop, one that raises, a lightweight component."""

import re
import sys
from pathlib import Path

from shared.baking import bake, environment
from shared.conversing import Conversation

PIPELINE = '''
"""Makes data, fits a model for each depth, and doubles a number."""

from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"
prepare = load_component_from_file(str(STEPS / "prepare" / "component.yaml"))
fit = load_component_from_file(str(STEPS / "fit" / "component.yaml"))
measure = load_component_from_file(str(STEPS / "measure" / "component.yaml"))


@dsl.component(base_image="python:3.12-slim")
def double(number: int, data: dsl.Input[dsl.Dataset]) -> int:
    return 2 * number


@dsl.pipeline(name="debugged")
def pipeline(depths: list[int], api_token: str = "none", text: str = "short"):
    prepared = prepare(api_token=api_token, text=text)
    double(number=4, data=prepared.outputs["data"])
    measure(data=prepared.outputs["data"], limit=1)
    with dsl.ParallelFor(depths) as depth:
        fit(data=prepared.outputs["data"], depth=depth)
'''
PREPARE = """
import sys
from pathlib import Path

token, text, data = sys.argv[1:]
print("length", len(text), "token", token)
Path(data).parent.mkdir(parents=True, exist_ok=True)
Path(data).write_text("1\\n2\\n")
"""
FIT = """
import argparse
from pathlib import Path


def fitted(rows: list[str], depth: int) -> int:
    if depth == 3:
        raise ValueError("no such depth")
    return depth * len(rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--data", "--depth", "--score"):
        parser.add_argument(name)
    args = parser.parse_args()
    rows = Path(args.data).read_text().split()
    score = fitted(rows, int(args.depth))
    Path(args.score).parent.mkdir(parents=True, exist_ok=True)
    Path(args.score).write_text(str(score))


if __name__ == "__main__":
    main()
"""
MEASURE = '''
from pathlib import Path

from common.step import Dataset, Input, InputError, Output, step


@step
def measure(data: Input[Dataset], kept: Output[Dataset], limit: int) -> int:
    """Keep some rows, and return how many there were."""
    rows = Path(data.path).read_text().split()
    if limit > len(rows):
        raise InputError("limit: is larger than there are rows")
    Path(kept.path).write_text("".join(rows[:limit]))
    return len(rows)


if __name__ == "__main__":
    measure.main()
'''
COMPONENTS = {
    "prepare": """
        inputs: [{name: api_token, type: String}, {name: text, type: String}]
        outputs: [{name: data, type: Dataset}]
        implementation: {container: {image: IMAGE, command: [python, main.py],
          args: [{inputValue: api_token}, {inputValue: text}, {outputPath: data}]}}
    """,
    "fit": """
        inputs: [{name: data, type: Dataset}, {name: depth, type: Integer}]
        outputs: [{name: score, type: Integer}]
        implementation: {container: {image: IMAGE, command: [python, main.py],
          args: [--data, {inputPath: data}, --depth, {inputValue: depth}, --score, {outputPath: score}]}}
    """,
}
SCRIPTS = {"prepare": PREPARE, "fit": FIT, "measure": MEASURE}
PROMPT = "(Pdb) "


def make_project(folder: Path, depths: str, **answers: str) -> Path:
    """Return a project with these steps; nothing of it was run."""
    project = bake(folder, starter="blank", steps="prepare, fit, measure", **answers)
    for name, script in SCRIPTS.items():
        step = project / "steps" / name
        (step / "main.py").write_text(script.lstrip())
        if name not in COMPONENTS:
            continue
        component = step / "component.yaml"
        image = re.search(r"image: (.*)", component.read_text())
        assert image is not None
        text = COMPONENTS[name].replace("IMAGE", image[1]).replace("\n        ", "\n")
        component.write_text(f"name: {name}\n{text.strip()}\n")
    (project / "pipeline.py").write_text(PIPELINE.lstrip())
    (project / "params" / "dev.yaml").write_text(f"depths: {depths}\n")
    return project


def talk(project: Path, *words: str, **env: str) -> Conversation:
    """Call make in a project, in a terminal."""
    command = ["make", "-s", f"USE_VENV={sys.prefix}", *words]
    return Conversation(command, project, environment(env))
