"""Data of one's own: an importer takes a path of the project in local runs, and in no other."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.cluster import submission
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import own_data
from kfp_workbench.local.execution import Run, Setting
from servers.kfp_server import kfp_server
from shared.baking import make
from shared.flows import Flow, Maker, constant, given, task

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
COUNT = '''"""Counts the lines of a file, or the files of a folder."""

import os
import sys
from pathlib import Path

data = Path(sys.argv[1])
found = sorted(data.rglob("*")) if data.is_dir() else [data]
out = Path(sys.argv[2])
out.parent.mkdir(parents=True, exist_ok=True)
lines = sum(len(path.read_text().splitlines()) for path in found if path.is_file())
for path in found:
    if path.is_file() and os.access(path, os.W_OK):
        path.write_text("changed")  # a copy of its own
out.write_text(f"{data.name}: {lines}")
'''
COMPONENT = """\
name: count
inputs: [{name: data, type: Dataset}]
outputs: [{name: lines, type: String}]
implementation:
  container:
    image: IMAGE
    command: [python, main.py]
    args: [{inputPath: data}, {outputPath: lines}]
"""
PIPELINE = '''"""Counts lines."""

from kfp import components, dsl

count = components.load_component_from_file("steps/count/component.yaml")


@dsl.pipeline(name="calculate-average")
def pipeline(data: str = "data/iris.csv") -> str:
    """Count the lines of what a path, or an address, names."""
    got = dsl.importer(artifact_uri=ADDRESS, artifact_class=dsl.Dataset, metadata={"a": 1})
    return count(data=got.output).outputs["lines"]
'''


@pytest.fixture
def counting(project: Path) -> Path:
    """Return a project with one step, which counts the lines of what a parameter names."""
    image = re.search(r"image: (\S+)", (project / "steps/add/component.yaml").read_text())
    assert image
    shutil.copytree(project / "steps/add", project / "steps/count")
    dockerfile = project / "steps/count/Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("steps/add", "steps/count"))
    for name in ("add", "div"):
        shutil.rmtree(project / "steps" / name)
    (project / "steps/count/main.py").write_text(COUNT)
    text = COMPONENT.replace("IMAGE", image[1].replace("/add", "/count"))
    (project / "steps/count/component.yaml").write_text(text)
    (project / "pipeline.py").write_text(PIPELINE.replace("ADDRESS", "data"))
    (project / "params/dev.yaml").write_text("{}\n")
    (project / "data").mkdir()
    (project / "data/iris.csv").write_text("a\nb\n")
    return project


def local(project: Path, *words: str, runner: str = "process", **env: str) -> Any:
    no_engine = {} if runner == "docker" else NO_ENGINE
    return make(project, "local", f"RUNNER={runner}", *words, env={**no_engine, **env})


def lines(result: "subprocess.CompletedProcess[str]") -> str:
    assert result.returncode == 0, result.stderr
    return str(json.loads(result.stdout)["Output"])


def test_a_parameter_holds_a_path_of_the_project(counting: Path, tmp_path: Path) -> None:
    assert lines(local(counting)) == "iris.csv: 2"
    assert (counting / "data/iris.csv").read_text() == "a\nb\n", "a step has a copy"
    assert lines(local(counting, "ARGS=-p data=data/../data")) == "data: 2"
    elsewhere = tmp_path / "other data.csv"
    elsewhere.write_text("1\n2\n3\n")
    assert lines(local(counting, f"ARGS=-p 'data={elsewhere}'")) == "other data.csv: 3"
    (record,) = [
        json.loads(path.read_text())
        for path in (counting / "build/local").glob("*/run.json")
        if elsewhere.name in path.read_text()
    ]
    task = next(item for item in record["tasks"] if item["kind"] == "importer")
    (imported,) = task["artifacts_out"]
    assert task["inputs"] == {"uri": str(elsewhere)}
    page = (counting / "build/report.html").read_text()
    assert f"&#34;uri&#34;: &#34;{elsewhere}&#34;" in page
    assert imported["file"] == str(elsewhere) and imported["metadata"] == {"a": 1}


def test_a_file_that_has_changed_is_no_old_result(counting: Path) -> None:
    assert lines(local(counting, "CACHE=1")) == "iris.csv: 2"
    again = local(counting, "CACHE=1")
    assert lines(again) == "iris.csv: 2" and "reused from an earlier run" in again.stderr
    (counting / "data/iris.csv").write_text("a\nb\nc\n")
    assert lines(local(counting, "CACHE=1")) == "iris.csv: 3"


def test_an_object_that_has_changed_is_said_and_not_heeded(counting: Path) -> None:
    """KFP goes by the address alone."""
    bucket = counting / "objects/minio/mlpipeline"
    bucket.mkdir(parents=True)
    (bucket / "iris.csv").write_text("a\nb\n")
    words = ("CACHE=1", "ARGS=-p data=minio://mlpipeline/iris.csv")
    said = "count: reused, as KFP does, although what is at minio://mlpipeline/iris.csv changed"
    assert lines(local(counting, *words)) == "iris.csv: 2"
    assert said not in local(counting, *words).stderr
    (bucket / "iris.csv").write_text("a\nb\nc\n")
    again = local(counting, *words)
    assert lines(again) == "iris.csv: 2" and said in again.stderr


def test_what_is_not_there_is_one_line(counting: Path) -> None:
    """From the importer, as on a cluster; no step is run."""
    result = local(counting, "ARGS=-p data=data/no.csv")
    assert result.returncode == 2, "make's own, for any failure"
    assert "started" not in result.stderr and "Traceback" not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert line == (
        "error: importer: data/no.csv is not there: put it where the project's folder has it, "
        "or give an address like minio://BUCKET/KEY"
    )


@pytest.mark.parametrize("address", ["data", '"data/iris.csv"'])
def test_no_path_is_submitted(counting: Path, address: str) -> None:
    (counting / "pipeline.py").write_text(PIPELINE.replace("ADDRESS", address))
    settings = {"ALLOW_UNPINNED": "1"}
    with kfp_server() as server:
        result = make(counting, "run", env={**settings, "KFP_HOST": server.url})
        assert "data/iris.csv is a path of this machine, which a cluster" in result.stderr
        assert result.returncode == 2 and not server.runs
        words = ("run", "ARGS=-p data=minio://mlpipeline/iris.csv")
        result = make(counting, *words, env={**settings, "KFP_HOST": server.url})
        assert (result.returncode == 0) is (address == "data"), result.stderr
    checked = make(counting, "check")
    note = "note: pipeline.py:11: the importer takes 'data/iris.csv' from this machine"
    assert (note in checked.stderr) is (address != "data")


def test_own_data_in_containers(counting: Path, client: Any) -> None:
    assert lines(local(counting, runner="docker")) == "iris.csv: 2"
    assert lines(local(counting, "ARGS=-p data=data", runner="docker")) == "data: 2"
    assert (counting / "data/iris.csv").read_text() == "a\nb\n"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("no.csv", "no.csv is not there"),
        ("/no/such.csv", "/no/such.csv is not there"),
        (".", "holds the project itself"),
        ("..", "holds the project itself"),
        ("linked", "has a link to another folder, deep/link: put a folder in its place"),
        ("x" * 300, "cannot be read"),
    ],
)
def test_what_no_task_can_be_given(tmp_path: Path, address: str, said: str) -> None:
    root = tmp_path / "project"
    (root / "linked" / "deep").mkdir(parents=True)
    (root / "linked" / "deep" / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match=said):
        own_data.find(address, root)


def test_a_folder_that_cannot_be_listed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "closed").mkdir(parents=True)
    scandir = os.scandir

    def as_anybody(path: Any) -> Any:  # the superuser may list any
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", as_anybody)
    with pytest.raises(ValueError, match=r"^data cannot be read \(.*Permission denied.*/closed"):
        own_data.find("data", tmp_path)


def importing(address: Any, **more: Any) -> list[Any]:
    """Return a pipeline whose importer takes an address, within another pipeline."""
    flow = Flow()
    inner = flow.dag(
        {"importer": task("comp-importer", {"uri": given("at")})}, {"at": "STRING"}, {}
    )
    documents = flow.documents({"inner": task(inner, {"at": address}, **more)}, {"uri": "STRING"})
    made = {"artifacts": {"artifact": {"artifactType": {"schemaTitle": "system.Dataset"}}}}
    documents[0]["components"]["comp-importer"] = {
        "executorLabel": "i",
        "inputDefinitions": {"parameters": {"uri": {"parameterType": "STRING"}}},
        "outputDefinitions": made,
    }
    schema = {"schemaTitle": "system.Dataset"}
    importer = {"artifactUri": {"runtimeParameter": "uri"}, "typeSchema": schema}
    documents[0]["deploymentSpec"]["executors"]["i"] = {"importer": importer}
    return documents


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("address", [constant("data.csv"), given("uri")])
def test_a_pipeline_within_imports_as_well(tmp_path: Path, address: Any, is_there: bool) -> None:
    if is_there:
        (tmp_path / "data.csv").write_text("")
    (tmp_path / "run").mkdir()
    setting = Setting(tmp_path / "run", Maker(), project=tmp_path)
    noted = Run(importing(address), {"uri": "data.csv"}, setting).execute()
    assert noted.state == ("succeeded" if is_there else "failed")
    assert ("task: data.csv is not there" in noted.error) is not is_there
    assert [item.inputs for item in noted.tasks if item.kind == "importer"] == [{"uri": "data.csv"}]


@pytest.mark.parametrize(
    ("more", "given_by_run", "is_refused"),
    [
        ({}, {"uri": "data.csv"}, True),
        ({}, {"uri": "minio://mlpipeline/a"}, False),
        ({}, None, False),
        ({"triggerPolicy": {"condition": "1 == 1"}}, {"uri": "data.csv"}, False),
        ({"parameterIterator": {"itemInput": "x", "items": {"raw": "[]"}}}, {"uri": "a"}, False),
    ],
)
def test_a_cluster_is_spared_what_is_sure_to_fail(
    tmp_path: Path, more: Any, given_by_run: Any, is_refused: bool
) -> None:
    """An importer in a condition, or in a loop, may not be reached."""
    package = tmp_path / "pipeline.yaml"
    package.write_text(json.dumps(importing(given("uri"), **more)[0]))
    if not is_refused:
        submission.check_imports(package, given_by_run)
        return
    with pytest.raises(WorkbenchError, match=r"task: data.csv is a path of this machine"):
        submission.check_imports(package, given_by_run)


def test_a_path_of_a_branch_is_looked_for_when_it_is_taken(tmp_path: Path) -> None:
    documents = importing(
        constant("no.csv"),
        triggerPolicy={"condition": "inputs.parameter_values['at'] != 'no.csv'"},
    )
    setting = Setting(tmp_path / "run", Maker(), project=tmp_path)
    (tmp_path / "run").mkdir()
    assert Run(documents, {"uri": ""}, setting).execute().state == "succeeded"


def test_without_a_project_a_path_is_no_address(tmp_path: Path) -> None:
    """As on a cluster, which fails of it when the importer runs."""
    (tmp_path / "run").mkdir()
    (tmp_path / "a.csv").write_text("")
    run = Run(
        importing(constant(str(tmp_path / "a.csv"))),
        {"uri": ""},
        Setting(tmp_path / "run", Maker()),
    )
    noted = run.execute()
    assert noted.state == "failed" and "is in no bucket" in noted.error
