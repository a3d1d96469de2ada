"""One pipeline for servers of several versions: what each lacks is said before a run, with its line."""

import shutil
from pathlib import Path

import pytest

from kfp_workbench.check import check_project
from shared.case_projects import base
from shared.editing import set_server
from shared.traps import IF_N, PRELUDE, shown

CONFIG = "dsl.PipelineConfig(active_deadline_seconds=600)"
MODULE = (
    PRELUDE.replace("import components, dsl", "import components, dsl, kubernetes")
    + shown(f"[{IF_N}]")
    + f"""
as_user = kubernetes.set_security_context  # by another name, which the sources alone do not tell


@dsl.pipeline(name="versions", pipeline_config={CONFIG})
def pipeline(n: Optional[str] = None):
    show(n=n)
    show(n="x")  # for which the `if` is written out
    with dsl.ParallelFor(["a"], name="letters"):
        made = give()
    collect(items=dsl.Collected(made.output))
    as_user(say(text="user"), run_as_user=1234)
    task = say(text="a")
    kubernetes.use_secret_as_env(task, "s", {{"a": "A"}}, optional=True)
"""
)
SINCE = {
    "2.17": {
        "an `if` in args": "show(n=n)",
        "a time limit of the whole pipeline": "@dsl.pipeline",
    },
    "2.16": {
        "a loop with a name of its own": "dsl.ParallelFor",
        "a security context": "as_user(say",
    },
    "2.15": {"whose secret or config map may be missing": "optional=True"},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = base(tmp_path_factory.mktemp("versions"))
    shutil.rmtree(folder / "docs")
    (folder / "params" / "dev.yaml").write_text("# none\n", encoding="utf-8")
    (folder / "pipeline.py").write_text(MODULE, encoding="utf-8")
    return folder


@pytest.mark.parametrize("version", ["2.14", "2.15", "2.16", "2.17"])
def test_what_a_server_lacks_is_found_where_it_is(
    project: Path, tmp_path: Path, version: str
) -> None:
    copy = shutil.copytree(project, tmp_path / "project")
    set_server(copy, f'"{version}"')
    found = [finding for finding in check_project(copy) if finding.path == "pipeline.py"]
    expected = {
        (what, 1 + MODULE[: MODULE.index(at)].count("\n"))
        for since, rows in SINCE.items()
        if version < since
        for what, at in rows.items()
    }
    assert {
        (what, finding.line) for finding in found for what, _ in expected if what in finding.what
    } == expected
    assert len(found) == len(expected), [finding.text for finding in found]
