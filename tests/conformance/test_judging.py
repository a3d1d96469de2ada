"""How a case is prepared and run, and what is said of it, without any run: those are stood in for."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance import __main__ as command
from conformance import cases, judging, kubernetes, observing, projects, purposes, running
from conformance.cases import Case, Compiled
from conformance.judging import AGREE, DIFFER, ELSEWHERE, REFUSED, Verdict
from conformance.outcomes import Run, Task
from kfp_workbench.local import record
from kfp_workbench.project import environments, settings
from kfp_workbench.project.secrecy import Mask

SUCCEEDED = {"runs": [{"state": "succeeded", "tasks": []}]}
REFUSED_THERE = {"runs": [{"state": "refused", "why": "no such parameter"}]}
NOT_COMPILED = {"state": "not compiled"}
DONE = Run("succeeded", [], frozenset())


def judged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: Any,
    ended: running.Ended,
    here: Run = DONE,
    *,
    problem: str = "",
) -> Verdict:
    """Judge a case whose record is ``there`` and whose run ended like that."""
    case = Case("value_x", tmp_path / "value_x.py", tmp_path / "value_x.json")
    case.record.write_text(json.dumps(there))
    package = tmp_path / "pipeline.yaml"
    package.write_text("pipelineInfo: {name: value-x}\n")
    monkeypatch.setattr(running, "run_local", lambda *_, **__: ended)
    monkeypatch.setattr(observing, "observe", lambda *_, **__: here)
    compiled = Compiled(package, {}, 1, False, problem)
    return judging.verdict(case, compiled, tmp_path, "process")


ENDED = running.Ended(0, "", Path("run"))
NOT_BEGUN = running.Ended(2, "no parameter 'x'", None)
VERDICTS: dict[str, tuple[Any, running.Ended, Run, str, str]] = {
    "the same": (SUCCEEDED, ENDED, DONE, "", AGREE),
    "another state": (SUCCEEDED, ENDED, Run("failed", [], frozenset()), "", DIFFER),
    "refused here": (SUCCEEDED, NOT_BEGUN, DONE, "", REFUSED),
    "refused on both sides": (REFUSED_THERE, NOT_BEGUN, DONE, "", AGREE),
    "refused there": (REFUSED_THERE, ENDED, DONE, "", DIFFER),
    "failed before it began": (REFUSED_THERE, running.Ended(1, "", None), DONE, "", DIFFER),
    "never ended": (SUCCEEDED, running.Ended(-1, "", None), DONE, "", DIFFER),
    "not compiled here": (SUCCEEDED, ENDED, DONE, "TypeError", DIFFER),
    "not compiled on both sides": (NOT_COMPILED, ENDED, DONE, "TypeError", AGREE),
    "not compiled there": (NOT_COMPILED, ENDED, DONE, "", DIFFER),
}


@pytest.mark.parametrize(
    ("there", "ended", "here", "problem", "outcome"), VERDICTS.values(), ids=VERDICTS
)
def test_a_case_agrees_is_refused_or_differs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: Any,
    ended: running.Ended,
    here: Run,
    problem: str,
    outcome: str,
) -> None:
    found = judged(tmp_path, monkeypatch, there, ended, here, problem=problem)

    assert found.outcome == outcome
    assert bool(found.why) == (outcome != AGREE)


def test_a_refusal_says_whether_it_is_on_purpose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "differences.yaml"
    file.write_text("no parameter '.': because of this\n")
    unforeseen = judged(tmp_path, monkeypatch, SUCCEEDED, NOT_BEGUN)
    monkeypatch.setattr(purposes, "FILE", file)
    foreseen = judged(tmp_path, monkeypatch, SUCCEEDED, NOT_BEGUN)

    assert unforeseen.why == "no parameter 'x'"
    assert foreseen.why == "no parameter 'x' (on purpose: because of this)"


VERDICT_LIST = [
    Verdict("b_two", DIFFER, "how"),
    Verdict("b_one", AGREE),
    Verdict("a_one", REFUSED, "why"),
    Verdict("kube_pod", ELSEWHERE, "pods"),
]


def test_the_table_has_a_row_a_kind_and_the_object_a_name_a_case() -> None:
    rows = [line.split(" | ") for line in command.table(VERDICT_LIST).splitlines()]

    assert [[cell.strip() for cell in row] for row in rows] == [
        ["kind", "cases", "agree", "refused", "differ"],
        ["a", "1", "0", "1", "0"],
        ["b", "2", "1", "0", "1"],
        ["all", "3", "1", "1", "1"],
    ]
    assert command.result(VERDICT_LIST) == {
        "agree": ["b_one"],
        "refused": {"a_one": "why"},
        "differ": {"b_two": "how"},
    }


def test_a_folder_without_cases_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = command.main(["--cases", str(tmp_path), "--records", str(tmp_path)])

    assert status == 2
    assert "no case with a record" in capsys.readouterr().err


def test_cases_that_reuse_are_told_by_their_names_and_runs(tmp_path: Path) -> None:
    names = ("cache_x", "order_cache_y", "cond_x")
    for name in names:
        (tmp_path / f"{name}.py").write_text("pipeline = None\n")
        (tmp_path / f"{name}.json").write_text("{}")
    (tmp_path / "order_without_record.py").write_text("")
    found = cases.find(tmp_path, tmp_path)

    assert [case.name for case in found] == sorted(names)
    assert [cases.is_cached(case, 1) for case in found] == [True, False, True]
    assert cases.is_cached(found[1], 2)
    assert [case.kind for case in found] == ["cache", "cond", "order"]


PARAMETERS: dict[str, Any] = {
    "text": "${HOME} $$x {{$.a}}",
    "number": 1e21,
    "nested": {"items": ["${X}", None, True, 2.0], "ä": "\n"},
}


def test_parameters_arrive_as_the_case_gives_them(tmp_path: Path) -> None:
    projects.make(tmp_path / "p", Path(projects.__file__).with_name("see.py"))
    projects.give(tmp_path / "p", PARAMETERS)
    kinds = {"text": "STRING", "number": "NUMBER_DOUBLE", "nested": "STRUCT"}
    inputs = {name: {"parameterType": kind} for name, kind in kinds.items()}
    package = tmp_path / "p" / settings.PACKAGE
    package.write_text(yaml.safe_dump({"root": {"inputDefinitions": {"parameters": inputs}}}))

    given = environments.read(
        package, tmp_path / "p" / "params" / "dev.yaml", [], submitting=False, environ={}
    )

    assert given.parameters == PARAMETERS
    assert settings.load(tmp_path / "p", environ={}).registry == "localhost:5000/golden"


def documents(**config: Any) -> list[Any]:
    executors = {"exec-look": config}
    return [
        {"root": {}},
        {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}},
    ]


def test_secrets_and_config_maps_come_from_the_environment() -> None:
    keys = [{"secretKey": "a", "envVar": "A"}, {"secretKey": "none", "envVar": "N"}]
    secret = {"secretName": "golden-secret", "keyToEnv": keys}
    missing = {"secretName": "golden-missing", "keyToEnv": [{"secretKey": "a", "envVar": "M"}]}
    named = {"keyToEnv": [{"secretKey": "b", "envVar": "B"}]}  # by a parameter
    config = {"configMapName": "golden-config", "keyToEnv": [{"configMapKey": "b", "envVar": "C"}]}

    found = kubernetes.variables(
        documents(secretAsEnv=[secret, missing, named], configMapAsEnv=[config])
    )

    assert found == {"A": "alpha", "B": "beta", "C": "two"}


def container(**more: Any) -> dict[str, Any]:
    return {"path": "look", "kind": "container", "state": "unfinished", **more}


NO_POD = {"runs": [{"state": "failed", "tasks": [container()]}]}
DRIVER = [{"where": "driver of root.look-driver", "why": "no value"}]
ONLY: dict[str, tuple[str, list[Any], Any, bool]] = {
    "a pod that was not started": ("fail", documents(), NO_POD, True),
    "a driver that failed": (
        "fail",
        documents(),
        {"runs": [{**NO_POD["runs"][0], "failed": DRIVER}]},
        False,
    ),
    "a pod that was ended": (
        "fail",
        documents(),
        {"runs": [{"state": "failed", "tasks": [container(said=[])]}]},
        False,
    ),
    "a volume": ("kube", documents(pvcMount=[]), SUCCEEDED, True),
    "a toleration": ("kube", documents(tolerations=[]), SUCCEEDED, False),
    "the kernel's files": ("kube", [{"args": ["/sys/fs/cgroup/cpu.max"]}], SUCCEEDED, True),
    "words of another kind of case": ("value", [{"args": ["{{pod.name}}"]}], SUCCEEDED, False),
}


@pytest.mark.parametrize(("kind", "compiled", "there", "only"), ONLY.values(), ids=ONLY)
def test_what_only_kubernetes_does_is_not_compared(
    kind: str, compiled: list[Any], there: Any, only: bool
) -> None:
    assert bool(kubernetes.only_there(kind, compiled, there, as_process=True)) == only


def test_a_run_here_is_read_from_its_record_and_its_logs(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    (folder / "logs").mkdir()
    place = folder / "tasks" / "001-make"
    words = ["run-1", "a-pipeline", "a-pipeline-1b2c3", f"{place}/artifacts/make/x"]
    line = {"argv": [f"{place}/tmp/kfp/outputs/sum", *words]}
    (folder / "logs" / "1.log").write_text(f"x\nSEE {json.dumps(line)}\nSEE no object\n")
    run = record.Run("a-pipeline", "A", "process", {}, run_id="run-1")
    recorder = record.Recorder(run, folder, Mask(frozenset()))
    make = record.Task("loop/loop[0]/make", "container", "Make", "make", folder="tasks/001-make")
    make.log, make.outputs, make.inputs = "logs/1.log", {"sum": 1.0}, {"n": 1.0}
    make.failed_in, make.cause, make.status = "command", "exit-status", 3
    recorder.begin(make)
    recorder.end_task(make, "failed")
    box = record.Task("condition-1", "dag", "", "", failed_in="driver", cause="condition")
    recorder.begin(box)
    recorder.end_task(box, "failed")
    got = record.Task("box/importer-2", "importer", "Get it", "", failed_in="launcher")
    got.cause = "address"
    recorder.begin(got)
    recorder.end_task(got, "failed")
    recorder.end("failed", "it failed")

    found = observing.observe(folder, "case", as_process=True)

    assert found.state == "failed"
    assert sorted(map(str, found.failures)) == [
        "driver of condition-1: condition",
        "executor of loop/loop[0]/make: exit-status 3",
        "importer of box/Get it: address",
    ]
    words = ["RUN_ID", "case", "WORKFLOW", "/minio/ROOT/make/x"]
    said = [{"argv": ["/tmp/kfp/outputs/sum", *words]}]
    assert [task for task in found.tasks if task.path != "box/Get it"] == [
        Task("loop/loop[0]/make", "failed", said, {"sum": 1.0}, [], [])
    ]
