"""The scheduler: whatever the order in which tasks end, a run comes to the same."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import record
from kfp_workbench.local.execution import Run, Setting
from kfp_workbench.local.jobs import at_once
from kfp_workbench.local.runners import Job, Write
from shared.baking import TEMPLATE
from shared.flows import Flow, Maker, constant, given, made, task

RETRY = {
    "maxRetryCount": 2,
    "backoffDuration": "0s",
    "backoffFactor": 2,
    "backoffMaxDuration": "60s",
}
EXIT = {"triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}


def run(
    documents: list[Any],
    folder: Path,
    runner: Maker | None = None,
    jobs: int = 4,
    **parameters: Any,
) -> record.Run:
    folder.mkdir(parents=True)
    return Run(documents, parameters, Setting(folder, runner or Maker(), jobs=jobs)).execute()


def states(noted: record.Run) -> dict[str, str]:
    return {task.path: task.state for task in noted.tasks if task.kind != "dag"}


class Random:
    """Makes DAGs at random: chains, loops, conditions, pipelines, retries, failures, exits."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.flow = Flow()
        self._number = 0

    def documents(self) -> list[Any]:
        tasks = self.tasks(depth=2)
        return self.flow.documents(tasks, {"text": "STRING"})

    def tasks(self, depth: int) -> dict[str, Any]:
        """Return the tasks of a DAG whose input is ``text``."""
        found: dict[str, Any] = {}
        for _ in range(self.random.randint(1, 5)):
            name = self._name()
            found[name] = self._task(found, depth)
        if self.random.random() < 0.3:
            ends = self.random.choice(list(found))
            exit_task = self._container({}, 0)
            found[self._name()] = {**exit_task, "dependentTasks": [ends], **EXIT}
        pairs = list(found.items())
        self.random.shuffle(pairs)
        return dict(pairs)

    def _name(self) -> str:
        self._number += 1
        letter = self.random.choice("abcxyz")  # their order is not that of their making
        return f"{letter}{self._number}"

    def _task(self, before: dict[str, Any], depth: int) -> dict[str, Any]:
        kinds: list[Callable[[dict[str, Any], int], dict[str, Any]]] = [self._container]
        if depth:
            kinds += [self._pipeline, self._loop, self._condition]
        wanted = self.random.choice(kinds)(before, depth - 1)
        if before and self.random.random() < 0.5:
            wanted["dependentTasks"] = self.random.sample(list(before), 1)
        return wanted

    def _source(self, before: dict[str, Any]) -> dict[str, Any]:
        containers = [name for name, one in before.items() if one.get("makes")]
        if containers and self.random.random() < 0.6:
            return made(self.random.choice(containers))
        return self.random.choice([constant("c"), given("text")])

    def _container(self, before: dict[str, Any], depth: int) -> dict[str, Any]:
        failures = self.random.choice([0] * 8 + [1, 2, 9])
        component = self.flow.container(["fail", str(failures)])
        more = {"retryPolicy": RETRY} if failures in (1, 2) else {}
        return task(component, {"text": self._source(before)}, makes=True, **more)

    def _pipeline(self, before: dict[str, Any], depth: int) -> dict[str, Any]:
        inner = self.flow.dag(self.tasks(depth), {"text": "STRING"}, {})
        return task(inner, {"text": self._source(before)})

    def _loop(self, before: dict[str, Any], depth: int) -> dict[str, Any]:
        inner = self.flow.dag(self.tasks(depth), {"text": "STRING"}, {})
        items = {"itemInput": "text", "items": {"raw": '["i", "j", "k"]'}}
        policy = {"iteratorPolicy": {"parallelismLimit": self.random.randint(0, 2)}}
        return task(inner, {}, parameterIterator=items, **policy)

    def _condition(self, before: dict[str, Any], depth: int) -> dict[str, Any]:
        inner = self.flow.dag(self.tasks(depth), {"text": "STRING"}, {})
        wanted = self.random.choice(["c", "given", "other"])
        trigger = {"condition": f"inputs.parameter_values['text'] == '{wanted}'"}
        return task(inner, {"text": self._source(before)}, triggerPolicy=trigger)


@pytest.mark.parametrize("seed", range(60))
def test_a_run_comes_to_the_same_in_any_order(tmp_path: Path, seed: int) -> None:
    found = []
    for number, jobs in enumerate((1, 8, 8)):
        documents = Random(seed).documents()
        runner = Maker(0.004, seed=number)
        noted = run(documents, tmp_path / str(number), runner, jobs, text="given")
        assert runner.most <= jobs
        outputs = {task.path: task.outputs for task in noted.tasks if task.kind == "container"}
        found.append((noted.state, states(noted), outputs))
    assert found[0] == found[1] == found[2]


def test_independent_tasks_run_side_by_side(tmp_path: Path) -> None:
    flow = Flow()
    tasks = {f"t{n}": task(flow.container([]), {"text": constant("x")}) for n in range(6)}
    runner = Maker(0.05)
    assert run(flow.documents(tasks), tmp_path / "run", runner, 3).state == "succeeded"
    assert runner.most == 3


def test_a_tasks_time_counts_from_when_there_was_room_for_it(tmp_path: Path) -> None:
    flow = Flow()
    tasks = {f"t{n}": task(flow.container([]), {"text": constant("x")}) for n in range(3)}
    noted = run(flow.documents(tasks), tmp_path / "run", Maker(0.2), jobs=1)
    found = sorted(
        (each for each in noted.tasks if each.kind != "dag"), key=lambda each: each.started
    )
    for before, after in pairwise(found):
        assert after.started >= before.started + before.seconds - 0.002, "one at a time"


def test_a_loop_keeps_to_its_parallelism(tmp_path: Path) -> None:
    flow = Flow()
    inner = flow.dag(
        {"make": task(flow.container([]), {"text": given("text")})}, {"text": "STRING"}, {}
    )
    items = {"itemInput": "text", "items": {"raw": '["a", "b", "c", "d", "e"]'}}
    loop = task(inner, parameterIterator=items, iteratorPolicy={"parallelismLimit": 2})
    runner = Maker(0.05)
    assert run(flow.documents({"loop": loop}), tmp_path / "run", runner, 8).state == "succeeded"
    assert runner.most == 2


def test_what_fails_ends_what_waits_for_it_and_nothing_else(tmp_path: Path) -> None:
    flow = Flow()
    text = {"text": constant("x")}
    tasks = {
        "fails": task(flow.container(["fail", "9"]), text),
        "waits": task(flow.container([]), text, dependentTasks=["fails"]),
        "further": task(flow.container([]), text, dependentTasks=["waits"]),
        "apart": task(flow.container([]), text),
        "last": task(flow.container([]), text, dependentTasks=["apart"]),
    }
    noted = run(flow.documents(tasks), tmp_path / "run")
    assert noted.state == "failed"
    assert states(noted) == {"fails": "failed", "apart": "succeeded", "last": "succeeded"}


def test_an_exit_task_decides_nothing(tmp_path: Path) -> None:
    """On a cluster it is a hook: a run whose exit task alone fails is a success."""
    flow = Flow()
    text = {"text": constant("x")}
    tasks = {
        "body": task(flow.container([]), text),
        "end": task(flow.container(["fail", "9"]), text, dependentTasks=["body"], **EXIT),
    }
    noted = run(flow.documents(tasks), tmp_path / "run")
    assert (noted.state, states(noted)) == ("succeeded", {"body": "succeeded", "end": "failed"})


def test_a_task_without_a_command_fails_after_its_driver(tmp_path: Path) -> None:
    documents = (flow := Flow()).documents(
        {"say": task(flow.container([], []), retryPolicy=RETRY)}, outputs={}
    )
    (executor,) = documents[0]["deploymentSpec"]["executors"].values()
    executor["container"] = {"image": "image"}
    (say,) = run(documents, tmp_path / "run").tasks
    assert (say.state, say.failed_in) == ("failed", "launcher")
    assert say.reason == "it has no command and no arguments"


def test_a_task_may_have_any_name(tmp_path: Path) -> None:
    flow = Flow()
    made = flow.container(["ok"], [])
    names = ["日" * 300, "/", "a b"]
    tasks = {f"t{place}": task(made, taskInfo={"name": name}) for place, name in enumerate(names)}
    assert run(flow.documents(tasks), tmp_path / "run").state == "succeeded"


def test_a_limit_has_to_be_an_amount(tmp_path: Path) -> None:
    flow = Flow()
    tasks = {"say": task(flow.container([], ["text"]), {"text": given("text")})}
    documents = flow.documents(tasks, {"text": "STRING"})
    (executor,) = documents[0]["deploymentSpec"]["executors"].values()
    limit = "{{$.inputs.parameters['text']}}"
    executor["container"]["resources"] = {"resourceMemoryLimit": limit}
    assert states(run(documents, tmp_path / "fits", text="2Gi")) == {"say": "succeeded"}
    (say,) = run(documents, tmp_path / "fits-not", text="2 GB").tasks
    assert (say.state, say.failed_in) == ("failed", "driver")
    assert say.reason == "a limit or request of it, text, is '2 GB', which is no amount"


def test_a_number_of_accelerators_that_is_no_text_asks_for_none(tmp_path: Path) -> None:
    flow = Flow()
    tasks = {"say": task(flow.container([], []), {"count": given("count")})}
    documents = flow.documents(tasks, {"count": "NUMBER_INTEGER"})
    (executor,) = documents[0]["deploymentSpec"]["executors"].values()
    count = "{{$.inputs.parameters['count']}}"
    executor["container"]["resources"] = {
        "accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": count}
    }
    assert states(run(documents, tmp_path / "run", count=1)) == {"say": "succeeded"}


def test_a_stop_ends_the_run(tmp_path: Path) -> None:
    flow = Flow()
    tasks = {f"t{n}": task(flow.container([]), {"text": constant("x")}) for n in range(4)}
    folder = tmp_path / "run"
    folder.mkdir()
    stop = threading.Event()
    setting = Setting(folder, Maker(0.2), jobs=1, stop=stop)
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    noted = Run(flow.documents(tasks), {}, setting).execute()
    assert noted.state == "interrupted" and time.monotonic() - began < 2
    assert record.read(folder).state == "interrupted"


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1001", "\u0663"])
def test_a_number_of_jobs_that_is_none(text: str) -> None:
    with pytest.raises(WorkbenchError, match="write the number of steps that may run at once"):
        at_once({"JOBS": text})


def test_as_many_jobs_as_cores() -> None:
    assert at_once({"JOBS": "7"}) == 7
    assert at_once({}) == at_once({"JOBS": ""}) >= 1


def test_a_mistake_ends_the_run_and_what_runs(tmp_path: Path) -> None:
    class Broken(Maker):
        def run(self, job: Job, write: Write, stop: threading.Event) -> int:
            if "b" in job.command[2:4]:
                raise RuntimeError("a mistake")
            assert stop.wait(10)
            return 1

    flow = Flow()
    tasks = {name: task(flow.container([name]), {"text": constant("x")}) for name in ("a", "b")}
    with pytest.raises(RuntimeError, match="a mistake"):
        run(flow.documents(tasks), tmp_path / "run", Broken())
    assert record.read(tmp_path / "run").state == "failed"


def test_local_runs_need_no_kfp() -> None:
    code = (
        "import pkgutil, sys\n"
        "from kfp_workbench import local\n"
        "for found in pkgutil.iter_modules(local.__path__):\n"
        "    __import__(f'kfp_workbench.local.{found.name}')\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('kfp', 'kubernetes')])\n"
    )
    words = [sys.executable, "-c", code]
    result = subprocess.run(words, cwd=TEMPLATE, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_local_runs_begin_without_what_few_need() -> None:
    """To load it takes milliseconds before the first step, which a small one takes itself."""
    ours = ("local.importer", "local.making", "project.texts", "setup.installers")
    rare = ["datetime", "decimal", "hashlib", "shutil", *(f"kfp_workbench.{name}" for name in ours)]
    code = (
        "import sys\n"
        "from kfp_workbench.commands import local, options\n"
        "options.parse(['local', '-p', 'a=b'])\n"
        f"print([name for name in {rare} if name in sys.modules])\n"
    )
    words = [sys.executable, "-c", code]
    result = subprocess.run(words, cwd=TEMPLATE, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.parametrize(
    ("limits", "held", "most"),
    [
        ({"resourceCpuLimit": "2"}, {"cpu"}, 2),
        ({"resourceMemoryLimit": "3Gi"}, {"memory"}, 2),
        ({"resourceMemoryLimit": "64Gi"}, {"memory"}, 1),  # more than there is: alone
        ({"resourceMemoryLimit": "1Gi", "resourceCpuLimit": "1"}, {"cpu", "memory"}, 4),
        ({"resourceMemoryLimit": "64Gi", "resourceCpuLimit": "4"}, set(), 4),
    ],
    ids=["cpu", "memory", "too-much", "both", "not-held"],
)
def test_limits_that_are_held_count(
    tmp_path: Path, limits: dict[str, str], held: set[str], most: int
) -> None:
    flow = Flow()
    component = flow.container([])
    documents = flow.documents(
        {f"t{n}": task(component, {"text": constant("x")}) for n in range(8)}
    )
    (executor,) = documents[0]["deploymentSpec"]["executors"].values()
    executor["container"]["resources"] = limits
    runner = Maker(longest=0.1)
    runner.held, runner.memory = frozenset(held), 8.0 * 2**30
    assert run(documents, tmp_path / "run", runner).state == "succeeded"
    assert runner.most == most
