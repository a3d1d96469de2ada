"""`make check` names what a backend does and nobody wants; the cure that it says is one."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from conformance import observing, projects, running
from kfp_workbench.pipeline import compiling
from kfp_workbench.project import settings
from shared import traps, traps_of_pods
from shared.case_projects import Findings, check_all, forked
from shared.traps import Case, broken, cured, line

SEE = Path(projects.__file__).with_name("see.py")
CASES = {**traps.CASES, **traps_of_pods.CASES}
SAYING = {name: case for name, case in CASES.items() if case.said is not None}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    folder = tmp_path_factory.mktemp("modules")
    modules = []
    for name, case in CASES.items():
        for kind, text in (("broken", broken(case)), ("cured", cured(case))):
            modules.append(folder / f"{name}-{kind}.py")
            modules[-1].write_text(text, encoding="utf-8")
    return check_all(modules, tmp_path_factory.mktemp("projects"))


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_a_trap_is_named_where_it_is(found: Findings, name: str, case: Case) -> None:
    findings = found[f"{name}-broken"]
    told = [finding for finding in findings if case.words in f"{finding.what}: {finding.cure}"]
    assert [(f.path, f.line) for f in told] == [("pipeline.py", line(case))], findings
    assert {finding.line for finding in findings} == {line(case)}, findings


@pytest.mark.parametrize("name", CASES)
def test_its_cure_passes_the_check(found: Findings, name: str) -> None:
    assert [finding.text for finding in found[f"{name}-cured"]] == []


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("cured")
    places = {name: folder / name for name in SAYING}
    forked(_compile, [(place, cured(CASES[name])) for name, place in places.items()])
    return places


def _compile(work: tuple[Path, str]) -> None:
    project, text = work
    project.mkdir()
    projects.make(project, SEE)
    projects.give(project, {})
    (project / "pipeline.py").write_text(text, encoding="utf-8")
    os.chdir(project)
    compiling.compile_pipeline(settings.load(project, environ={}), project)


@pytest.mark.parametrize(("name", "case"), SAYING.items(), ids=SAYING)
def test_its_cure_runs_right(compiled: Mapping[str, Path], name: str, case: Case) -> None:
    ended = running.run_local(compiled[name], "process", {}, cache=False)
    assert ended.folder is not None and ended.status == 0, ended.reason
    run = observing.observe(ended.folder, name, as_process=True)
    said = [task.said[0]["argv"] for task in run.tasks if task.said]
    assert [words for words in said if "--out" not in words] == case.said
