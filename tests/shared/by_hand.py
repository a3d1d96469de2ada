"""A step as people write them by hand: a script that reads flags, and its component.yaml."""

from pathlib import Path

from kfp_workbench.graph import pictures

MAIN = '''\
"""Adds up the numbers of the context."""

import json
import math
import sys
from pathlib import Path

from common.context import Parser, json_object


def parse_args():
    """Read the command line; `component.yaml` gives the same flags."""
    parser = Parser(prog="add", description=__doc__)
    parser.add_argument("--context", type=json_object, required=True, help="JSON object")
    parser.add_argument("--output", type=Path, required=True, help="file for the new context")
    return parser.parse_args()


def main():
    """Run the step."""
    args = parse_args()
    total = math.fsum(args.context["numbers"])
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps({**args.context, "sum": total}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
'''
COMPONENT = """\
name: "add"
description: "Adds up the numbers of the context."
inputs:
- {name: context, type: JsonObject, description: What the steps so far have found}
outputs:
- {name: Output, type: JsonObject, description: The context with what this step adds}
implementation:
  container:
    image: "localhost:5000/calculate-average/add"
    # Equal to the Dockerfile's ENTRYPOINT, which a cluster never uses.
    command: [python, main.py]
    args: [
      --context, {inputValue: context},
      --output, {outputPath: Output},
    ]
"""
CONTEXT = '''\
"""What steps share that read flags."""

import argparse
import json
import os


class Parser(argparse.ArgumentParser):
    """An argument parser that complains in one line."""

    def error(self, message):
        self.exit(2, f"{os.path.basename(self.prog)}: {message}\\n")


def json_object(text):
    """Return a JSON object."""
    return dict(json.loads(text))
'''
PROGRAM = '''\
"""What steps share that KFP gives all at once."""

from common.context import Parser


def run():
    """Read what KFP gives."""
    parser = Parser()
    parser.add_argument("--executor-input", required=True)
    return parser.parse_args()
'''


def write_by_hand(project: Path) -> Path:
    """Write the step ``add`` of a default project so, and return the project."""
    write_step(project, "add")
    pictures.draw_chain(project, "calculate-average", ["Add", "Div"])
    return project


def write_step(project: Path, name: str) -> None:
    """Write a step of a project so, and what its like share."""
    folder = project / "steps" / name
    (folder / "main.py").write_text(MAIN.replace('"add"', f'"{name}"'), encoding="utf-8")
    component = COMPONENT.replace('"add"', f'"{name}"').replace("/add", f"/{name}")
    (folder / "component.yaml").write_text(component, encoding="utf-8")
    (project / "common" / "context.py").write_text(CONTEXT, encoding="utf-8")
    (project / "common" / "program.py").write_text(PROGRAM, encoding="utf-8")
