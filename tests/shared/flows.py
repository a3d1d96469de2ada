"""Compiled files made by hand, of any shape, and a runner that runs their tasks without processes."""

import math
import random
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kfp_workbench.local.runners import Job, Write

STRING = {"parameterType": "STRING"}
OUT = "{{$.outputs.parameters['out'].output_file}}"


def constant(value: Any) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}


def given(name: str) -> dict[str, Any]:
    return {"componentInputParameter": name}


def made(task: str, key: str = "out") -> dict[str, Any]:
    return {"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}}


class Flow:
    """A compiled file that is being made."""

    def __init__(self, name: str = "flow") -> None:
        self._name = name
        self._components: dict[str, Any] = {}
        self._executors: dict[str, Any] = {}

    def container(self, words: Sequence[str], inputs: Sequence[str] = ("text",)) -> str:
        """Add a component with a container: ``words`` follow its output's path and its inputs."""
        name = f"comp-{len(self._components)}"
        handed = [f"{{{{$.inputs.parameters['{key}']}}}}" for key in inputs]
        self._executors[f"exec-{name}"] = {
            "container": {
                "image": "image",
                "command": ["make"],
                "args": [OUT, *words, "--", *handed],
            }
        }
        self._components[name] = {
            "executorLabel": f"exec-{name}",
            "inputDefinitions": {"parameters": dict.fromkeys(inputs, STRING)},
            "outputDefinitions": {"parameters": {"out": STRING}},
        }
        return name

    def dag(
        self, tasks: Mapping[str, Any], inputs: Mapping[str, str], outputs: Mapping[str, str]
    ) -> str:
        """Add a component that is a DAG; ``outputs`` has the tasks whose ``out`` they are."""
        name = f"comp-{len(self._components)}"
        self._components[name] = self._dag(tasks, inputs, outputs)
        return name

    def _dag(
        self, tasks: Mapping[str, Any], inputs: Mapping[str, str], outputs: Mapping[str, str]
    ) -> dict[str, Any]:
        sources = {
            key: {"valueFromParameter": {"producerSubtask": task, "outputParameterKey": "out"}}
            for key, task in outputs.items()
        }
        return {
            "dag": {"tasks": dict(tasks), "outputs": {"parameters": sources}},
            "inputDefinitions": {
                "parameters": {key: {"parameterType": kind} for key, kind in inputs.items()}
            },
            "outputDefinitions": {"parameters": dict.fromkeys(outputs, STRING)},
        }

    def documents(
        self,
        tasks: Mapping[str, Any],
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
    ) -> list[Any]:
        """Return the file as `steps.read_documents` does."""
        return [
            {
                "pipelineInfo": {"name": self._name},
                "schemaVersion": "2.1.0",
                "components": self._components,
                "deploymentSpec": {"executors": self._executors},
                "root": self._dag(tasks, inputs or {}, outputs or {}),
            }
        ]


def task(component: str, inputs: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a task; ``more`` are fields of the format."""
    return {
        "componentRef": {"name": component},
        "inputs": {"parameters": dict(inputs or {})},
        "taskInfo": {"name": "task"},
        **more,
    }


class Maker:
    """A runner whose tasks write what they are given, and fail as often as their words say.

    ``make OUT fail 2 -- a b`` fails twice and then writes ``a+b``. Each takes up to ``longest`` seconds.
    """

    kind = "process"
    is_rooted = False
    held: frozenset[str] = frozenset()
    memory = math.inf

    def __init__(self, longest: float = 0.0, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._longest = longest
        self._lock = threading.Lock()
        self.running = self.most = 0

    def run(self, job: Job, write: Write, stop: threading.Event) -> int:
        """Run a job."""
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
            pause = self._random.random() * self._longest
        time.sleep(pause)
        with self._lock:
            self.running -= 1
        _, out, *words = job.command
        place = words.index("--")
        if place and words[0] == "fail" and _attempt(job) <= int(words[1]):
            return 3
        Path(out).write_text("+".join(words[place + 1 :]), encoding="utf-8")
        return 0

    def take_models(self, image: str, folder: Path) -> None:
        """Make a model of the image's name."""
        (folder / "models").mkdir(parents=True)
        (folder / "models" / "model.bin").write_text(image, encoding="utf-8")

    def close(self, folder: Path) -> None:
        """Do nothing."""


def _attempt(job: Job) -> int:
    _, _, number = job.place.folder.name.partition(".")
    return int(number or 1)
