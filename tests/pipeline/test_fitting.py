"""A pipeline that goes to a server that is older than what it is compiled for, and to one that is not."""

import copy
import importlib.metadata
import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfp_workbench.doctor import endpoint as diagnosis
from kfp_workbench.pipeline import fitting, packages
from kfp_workbench.project import settings, steps, versions
from kfp_workbench.project.versions import Version
from servers.kfp_server import KfpServer, Request, kfp_server
from servers.kfp_server.refusals import RefusalError
from shared.baking import bake, compile_here, make
from shared.by_hand import write_step
from shared.editing import edit, set_server

SDK = versions.sdk()
NON_ROOT = {"securityContext": {"runAsNonRoot": True}}
UNPINNED = {"ALLOW_UNPINNED": "1"}


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(tmp_path_factory.mktemp("fitting"), starter="blank", steps="load, save")


@pytest.fixture
def project(baked: Path, tmp_path: Path) -> Path:
    """Return a project with the steps load and save, for the test alone."""
    return shutil.copytree(baked, tmp_path / "project")


def documents(project: Path) -> list[Any]:
    return steps.read_documents(compile_here(project))


def fit(project: Path, found: list[Any], version: tuple[int, int]) -> list[str]:
    is_ours = steps.owner(settings.load(project, environ={}), project)
    return fitting.fit(found, Version(*version), is_ours)


# What is left out


def test_what_is_compiled_for_a_version_is_what_is_fitted_to_it(project: Path) -> None:
    newest = documents(project)
    fitted = copy.deepcopy(newest)
    assert fit(project, fitted, (2, 15)) == ["without run_as_non_root"]
    assert newest[:1] == fitted, "nothing but what is for Kubernetes has changed"
    set_server(project, '"2.15"')
    assert documents(project) == fitted
    assert compile_here(project).read_text().startswith("# PIPELINE DEFINITION\n")


@pytest.mark.parametrize("version", [(2, 16), (2, 17), (2, 18), (3, 0)])
def test_a_version_that_has_all_of_it_changes_nothing(
    project: Path, version: tuple[int, int]
) -> None:
    found = documents(project)
    before = copy.deepcopy(found)
    assert fit(project, found, version) == [] and found == before


def test_only_what_changes_nothing_is_left_out(project: Path) -> None:
    """Of others' images, nobody but the pipeline says that they are not root."""
    (project / "kubernetes.yaml").write_text(
        "load: {timeout: 1h, env: {A: {secret: b/c}}}\nsave: {security: {run_as_non_root: false}}\n"
    )
    edit(project / "pipeline.py", "from kfp import dsl\n", "from kfp import dsl, kubernetes\n")
    component = '@dsl.component(base_image="a:1")\ndef other() -> None: ...\n\n\n@dsl.pipeline'
    edit(project / "pipeline.py", "@dsl.pipeline", component)
    calls = "".join(
        f"    kubernetes.set_security_context(other(), run_as_non_root={value})\n"
        for value in (True, False)
    )
    edit(project / "pipeline.py", "    return save", f"{calls}    return save")
    found = documents(project)
    assert fit(project, found, (2, 14)) == ["without run_as_non_root"]
    executors = found[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors["exec-other"] == NON_ROOT
    assert set(executors) == {"exec-load", "exec-other"}
    assert set(executors["exec-load"]) == {"activeDeadlineSeconds", "secretAsEnv"}
    assert "optional" not in executors["exec-load"]["secretAsEnv"][0]


def test_what_is_empty_on_purpose_stays(project: Path) -> None:
    config = "dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size='1Gi'))"
    edit(project / "pipeline.py", "@dsl.pipeline(", f"@dsl.pipeline(pipeline_config={config}, ")
    found = documents(project)
    asked = copy.deepcopy(found[1]["platforms"]["kubernetes"]["pipelineConfig"])
    assert asked["workspace"]["kubernetes"] == {"pvcSpecPatch": {}}
    fit(project, found, (2, 15))
    assert found[1] == {"platforms": {"kubernetes": {"pipelineConfig": asked}}}


def test_what_is_written_for_an_older_version_keeps_its_head(project: Path) -> None:
    """What pipeline.py says by itself is left out of the file that kfp has written."""
    edit(project / "pipeline.py", "from kfp import dsl\n", "from kfp import dsl, kubernetes\n")
    call = "kubernetes.set_security_context(save_task, run_as_non_root=True)"
    edit(project / "pipeline.py", "    return save", f"    {call}\n    return save")
    set_server(project, '"2.15"')
    assert len(documents(project)) == 1
    text = (project / "build" / "pipeline.yaml").read_text()
    assert text.startswith("# PIPELINE DEFINITION\n# Name: ")
    assert compile_here(project).read_text() == text


def test_a_copy_is_made_where_there_is_something_to_change(project: Path) -> None:
    package = compile_here(project)
    with packages.changed(package, []) as same, packages.changed(package, [len]) as unchanged:
        assert same == unchanged == package
    with packages.changed(package, [list.pop, lambda found: found[0].update(a="ü")]) as changed:
        assert yaml.safe_load(changed.read_text(encoding="utf-8"))["a"] == "ü"
        assert changed.name == package.name and changed != package
    assert not changed.exists() and len(steps.read_documents(package)) == 2


# What goes to a server


def submit(project: Path, server: KfpServer, verb: str = "run", *words: str, **env: str) -> Any:
    return make(project, verb, *words, env={"KFP_HOST": server.url, **UNPINNED, **env})


def sent(server: KfpServer) -> dict[str, Any]:
    """Return what was said for Kubernetes with the last run or schedule, by executor."""
    bodies = [request.body or {} for request in server.requests if request.method == "POST"]
    spec = [body["pipeline_spec"] for body in bodies if "pipeline_spec" in body][-1]
    platform = spec.get("platform_spec", {"platforms": {}})["platforms"]
    configs: dict[str, Any] = platform.get("kubernetes", {}).get("deploymentSpec", {})
    return dict(configs.get("executors", {}))


def strict(server: KfpServer) -> None:
    """Let the server refuse what KFP 2.15.0 refused."""

    def refuse(request: Request) -> None:
        if "securityContext" in json.dumps(request.body):
            raise RefusalError(500, 13, 'proto: (line 1:2): unknown field "securityContext"')

    server.before = refuse


OLDER = f"has KFP {{}}, older than {SDK}: the pipeline goes there without run_as_non_root"


@pytest.mark.parametrize(
    ("setting", "version", "note", "is_told"),
    [
        ("", "2.17.0", "", True),
        (
            "",
            "v2.16.1-rc.1",
            f"has KFP 2.16, older than {SDK}: the pipeline goes there as it is",
            True,
        ),
        ("", "2.15.0", OLDER.format("2.15"), False),
        ("", "2.18.0", "", True),
        *(("", version, "", True) for version in ("", "unknown", "dev", "build-2.15")),
        ('"2.17"', "2.15.0", OLDER.format("2.15"), False),
        ('"2.15"', "2.15.0", "", False),
        ('"2.15"', "unknown", "", False),
        ('"2.15"', "2.17.0", 'has KFP 2.17, and pyproject.toml has server = "2.15"', False),
        ('"2.16"', "2.14.3", OLDER.format("2.14").replace(str(SDK), "2.16"), False),
    ],
)
def test_a_run_is_for_the_older_of_the_two(
    project: Path, setting: str, version: str, note: str, is_told: bool
) -> None:
    set_server(project, setting)
    with kfp_server(version=version) as server:
        if not is_told:
            strict(server)
        result = submit(project, server)
        assert result.returncode == 0, result.stderr
        assert set(sent(server)) == ({"exec-load", "exec-save"} if is_told else set())
        assert all(config == NON_ROOT for config in sent(server).values())
        notes = [line for line in result.stderr.splitlines() if "KFP 2" in line]
        compiled = [line for line in notes if line.startswith("compiled")]
        assert bool(compiled) == bool(setting)
        said = [f"note: {server.url} {note}"] if note else []
        assert [line for line in notes if line not in compiled] == said
        assert json.loads(result.stdout)["run_id"]


def test_an_if_goes_to_an_older_server_as_what_it_comes_to(project: Path) -> None:
    clause = "{if: {cond: {isPresent: context}, then: [--context, {inputValue: context}]}}"
    write_step(project, "load")
    edit(project / "steps/load/component.yaml", "--context, {inputValue: context}", clause)
    with kfp_server(version="2.15.0") as server:
        strict(server)
        result = submit(project, server)
        assert result.returncode == 0, result.stderr
        changed = "with each `if` in args written out, without run_as_non_root"
        assert f"the pipeline goes there {changed}" in result.stderr
        (run,) = server.runs
        executors = run["pipeline_spec"]["deploymentSpec"]["executors"]
        words = executors["exec-load"]["container"]["args"]
        assert words[:2] == ["--context", "{{$.inputs.parameters['context']}}"]


def test_caching_and_the_version_make_one_copy(project: Path) -> None:
    with kfp_server(version="2.15.0") as server:
        strict(server)
        result = submit(project, server, "run", "ARGS=--no-caching")
        assert result.returncode == 0, result.stderr
        (run,) = server.runs
        tasks = run["pipeline_spec"]["root"]["dag"]["tasks"].values()
        assert {task["cachingOptions"].get("enableCache", False) for task in tasks} == {False}


def test_a_version_is_named_for_what_was_sent(project: Path) -> None:
    names = {}
    for version in ("2.17.0", "2.15.0"):
        with kfp_server(version=version) as server:
            answers = [json.loads(submit(project, server, "upload").stdout) for _ in range(2)]
            assert [answer["created"] for answer in answers] == [True, False]
            (upload,) = server.calls("POST", "/upload_version")
            assert upload.query["name"] == [answers[0]["version"]]
            digest = sha256(upload.body.encode()).hexdigest()
            assert digest.startswith(answers[0]["version"])
            names[version] = answers[0]["version"]
            assert ("runAsNonRoot" in upload.body) == (version == "2.17.0")
    assert len(set(names.values())) == 2


def test_a_schedule_is_replaced_when_its_server_has_learnt_something(project: Path) -> None:
    (project / "schedules.yaml").write_text(
        'nightly: {cron: "0 0 3 * * *"}\nweekly: {every: 7d, env: prod}\n'
    )
    (project / "params" / "prod.yaml").write_text("context: {}\n.settings: {caching: false}\n")
    with kfp_server(version="2.15.0") as server:
        result = submit(project, server, "schedule", APPLY="1")
        assert result.returncode == 0, result.stderr
        assert result.stderr.count(OLDER.format("2.15")) == 1, "said once"
        assert sent(server) == {} and len(server.schedules) == 2
        assert "nothing to do" in submit(project, server, "schedule", APPLY="1").stderr
        server.version = "2.17.0"
        answer = json.loads(submit(project, server, "schedule", APPLY="1").stdout)
        assert [found["action"] for found in answer["schedules"]] == ["replace", "replace"]
        assert all(config == NON_ROOT for config in sent(server).values()) and sent(server)


@pytest.mark.parametrize("verb", ["run", "upload", "schedule"])
def test_what_a_server_lacks_stops_it_before_anything_is_sent(project: Path, verb: str) -> None:
    (project / "schedules.yaml").write_text('nightly: {cron: "0 0 3 * * *"}\n')
    (project / "kubernetes.yaml").write_text("load:\n  security: {run_as_user: 5}\n")
    with kfp_server(version="2.15.0") as server:
        result = submit(project, server, verb, APPLY="1")
        assert result.returncode == 2 and result.stdout == ""
        lines = [line for line in result.stderr.splitlines() if line.startswith("error")]
        assert lines == [
            "error: kubernetes.yaml:2: a security context needs KFP 2.16, "
            f"and {server.url} has 2.15: leave it out"
        ]
        assert server.changes() == []


def test_a_manifest_takes_the_settings_word(project: Path) -> None:
    for setting, is_told in (("", True), ('"2.15"', False)):
        set_server(project, setting)
        result = make(project, "manifest", env=UNPINNED)
        assert result.returncode == 0, result.stderr
        text = (project / json.loads(result.stdout)["manifest"]).read_text()
        assert ("runAsNonRoot" in text) == is_told
        assert ("compiled build/pipeline.yaml for KFP 2.15" in result.stderr) != is_told


def test_an_unchanged_pipeline_goes_as_it_is(project: Path) -> None:
    """So that a version that is there already is found under its name."""
    with kfp_server(version="2.16.0") as server:
        assert submit(project, server, "upload").returncode == 0
        (upload,) = server.calls("POST", "/upload_version")
        package = project / "build" / "pipeline.yaml"
        assert upload.body == package.read_text(encoding="utf-8")


# What `make doctor` says


USER = "kubernetes.yaml:2: a security context needs KFP 2.16, which it is not: leave it out"


@pytest.mark.parametrize(
    ("setting", "version", "level", "said"),
    [
        ("", "2.17.0", "ok", ""),
        ('"2.15"', "2.15.0", "ok", ', pyproject.toml has server = "2.15"'),
        ('"2.15"', "2.17.0", "ok", ', pyproject.toml has server = "2.15"'),
        ("", "2.15.0", "warn", ', and what goes there is fitted to it: write server = "2.15" into '
         "pyproject.toml, for make compile and make check"),
        ('"2.17"', "2.14.1", "warn", ', pyproject.toml has server = "2.17", and what goes there is '
         'fitted to it: write server = "2.14" into pyproject.toml, for make compile and make check'),
        ("", "2.5.0", "warn", ": should it refuse a run, set kfp==2.5.* in requirements-dev.in"),
        ("", "2.99.0", "warn", ": should it refuse a run, set kfp==2.99.* in requirements-dev.in"),
        ("user", "2.16.0", "warn", ""),
        ("user", "2.15.0", "FAIL", f": {USER}"),
        ("user, loop", "2.15.0", "FAIL", f": {USER}, and 1 more"),
    ],
)  # fmt: skip
def test_the_doctor_compares_the_setting_the_sdk_and_the_server(
    project: Path, setting: str, version: str, level: str, said: str
) -> None:
    if "user" in setting:
        (project / "kubernetes.yaml").write_text("load:\n  security: {run_as_user: 5}\n")
    if "loop" in setting:
        loop = "with dsl.ParallelFor([1], 'n'):\n        a = load(context=context)"
        lines = f"    {loop}\n    save(context=dsl.Collected(a.output))\n    return save"
        edit(project / "pipeline.py", "    return save", lines)
    set_server(project, setting if setting.startswith('"') else "")
    with kfp_server(version=version) as server:
        ours = settings.load(project, environ={"KFP_HOST": server.url})
        (found,) = [f for f in diagnosis.examine(ours, {}, project) if f.what == "KFP"]
        start = f"{server.url} has KFP '{version}', the SDK is {importlib.metadata.version('kfp')}"
        assert found.level == level
        assert found.text == f"{start}{said}" if said else found.text.startswith(start)


@pytest.mark.parametrize("version", ["", "unknown"])
def test_the_doctor_says_that_a_server_tells_no_version(project: Path, version: str) -> None:
    set_server(project, '"2.15"')
    with kfp_server(version=version) as server:
        ours = settings.load(project, environ={"KFP_HOST": server.url})
        (found,) = [f for f in diagnosis.examine(ours, {}, project) if f.what == "KFP"]
        sdk = importlib.metadata.version("kfp")
        assert found == (
            "ok",
            "KFP",
            f"{server.url} answers, but not its version; the SDK is {sdk}, "
            'pyproject.toml has server = "2.15"',
        )
