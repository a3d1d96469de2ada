"""Servers of several versions: what each gets of a pipeline, and what it lacks."""

import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kfp_workbench import check
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.pipeline import features, fitting
from kfp_workbench.pipeline.features import FEATURES
from kfp_workbench.project import settings, steps, versions
from kfp_workbench.project.versions import Version
from shared.baking import bake, compile_here
from shared.by_hand import write_step
from shared.editing import edit, set_server
from shared.manual import page


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with the steps load and save."""
    folder = tmp_path_factory.mktemp("versions")
    project = bake(folder, starter="blank", steps="load, save", project_slug="calculate-average")
    write_step(project, "load")
    return project


@pytest.fixture
def project(baked: Path, tmp_path: Path) -> Path:
    """Return a copy of that project, for the test alone."""
    return shutil.copytree(baked, tmp_path / "project")


def documents(project: Path) -> list[Any]:
    return steps.read_documents(compile_here(project))


# Versions


@pytest.mark.parametrize(
    ("text", "version"),
    {
        "2.17.0": (2, 17),
        "v2.16.0-rc.1": (2, 16),
        "2.5": (2, 5),
        "3.0.0+build.7": (3, 0),
        "10.20.30": (10, 20),
        **dict.fromkeys(["", "unknown", "dev", "2", "build-2.15", "2.x", "2.15beta", "2.15\n"]),
        "9" * 5 + ".1": None,
    }.items(),
)
def test_what_servers_call_their_version(text: str, version: tuple[int, int] | None) -> None:
    assert versions.parse(text) == version


def test_the_setting(project: Path) -> None:
    assert settings.load(project, environ={}).server is None
    for text in ('"2.15"', '"2.15.3"', '"2.0"', '"2.99"'):
        set_server(project, text)
        assert str(settings.load(project, environ={}).server) == ".".join(
            text.strip('"').split(".")[:2]
        )


@pytest.mark.parametrize(
    ("text", "what"),
    {
        "2.17": "2.17 is a number, and versions are none",
        "2": "2 is no version of KFP v2",
        "true": "True is no version of KFP v2",
        '""': "'' is no version of KFP v2",
        '"1.8"': "'1.8' is no version of KFP v2",
        '"3.0"': "'3.0' is no version of KFP v2",
        '"v2.15"': "'v2.15' is no version of KFP v2",
        '"2.015"': "'2.015' is no version of KFP v2",
        '"2.15\\n"': "'2.15\\n' is no version of KFP v2",
        '"latest"': "'latest' is no version of KFP v2",
    }.items(),
)
def test_a_setting_that_is_none_is_one_line(project: Path, text: str, what: str) -> None:
    set_server(project, text)
    with pytest.raises(WorkbenchError) as caught:
        settings.load(project, environ={})
    assert caught.value.status == 2
    cure = 'write one in quotes, such as server = "2.17"'
    assert str(caught.value) == f"pyproject.toml: server: {what}: {cure}"


# What a version lacks


PIPELINE = """\
from pathlib import Path
from typing import Optional

from kfp import dsl, kubernetes
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"

load = load_component_from_file(str(STEPS / "load" / "component.yaml"))
save = load_component_from_file(str(STEPS / "save" / "component.yaml"))


@dsl.component(base_image="python:3.12")
def gather(data_source: list) -> None: ...


@dsl.pipeline(name="calculate-average"{config})
def pipeline(context: dict, perhaps: Optional[dict] = None) -> dict:
    load_task = load(context=context)
    save_task = save(context=load_task.output)
    {lines}
    return save_task.output
"""
WORKSPACE = "workspace=dsl.WorkspaceConfig(size='1Gi')"
LOOP = """with dsl.ParallelFor([1, 2]{name}) as item:
        many = load(context=context)
    gather(data_source=dsl.Collected(many.output))"""
CLAIM = """kubernetes.CreatePVC(
        access_modes=["ReadWriteOnce"], size="1Gi", pvc_name="a", data_source={"name": "b"}
    )"""
CONTEXT = "--context, {inputValue: context}"


NOWHERE = ("", "")


class Case(NamedTuple):
    """What asks for a feature, the words of that, and where `make check` finds it."""

    words: str
    found: tuple[str, str]  # a file, and the beginning of what is there
    lines: str = "pass"
    config: str = ""
    kubernetes: str = ""
    component: str = CONTEXT
    compiled: str = ""  # what `make compile` names, where it does not know the line

    def write(self, project: Path) -> None:
        config = f", pipeline_config=dsl.PipelineConfig({self.config})" if self.config else ""
        text = PIPELINE.replace("{config}", config).replace("{lines}", self.lines)
        (project / "pipeline.py").write_text(text)
        (project / "kubernetes.yaml").write_text(self.kubernetes)
        edit(project / "steps" / "load" / "component.yaml", CONTEXT, self.component)

    def place(self, project: Path) -> str:
        path, start = self.found
        before = (project / path).read_text().partition(start)[0]
        return f"{path}:{before.count(chr(10)) + 1}: "


CASES = {
    "if": Case(
        "an `if` in args",
        ("steps/load/component.yaml", "{if:"),
        "load(context=perhaps)",
        component="{if: {cond: {isPresent: context}, then: [--context, {inputValue: context}]}}",
    ),
    "snapshot": Case("a claim made from another one", ("pipeline.py", '{"name"'), CLAIM),
    "limit": Case(
        "a time limit of the whole pipeline",
        ("pipeline.py", "active_d"),
        config="active_deadline_seconds=5",
    ),
    "ttl": Case(
        "a time that workflows are kept for",
        ("pipeline.py", "dsl.PipelineConfig"),
        config="None, None, 5",
    ),
    "named loop": Case(
        "what is collected from a loop with a name",
        ("pipeline.py", "dsl.Par"),
        LOOP.replace("{name}", ", 'many'"),
    ),
    "user": Case(
        "a security context",
        ("kubernetes.yaml", "run_as_user"),
        kubernetes="save:\n  security:\n    run_as_user: 5\n",
    ),
    "group": Case(
        "a security context",
        ("pipeline.py", "kubernetes.set"),
        "kubernetes.set_security_context(save_task, run_as_group=5)",
    ),
    "others' image": Case(
        "a security context",
        ("pipeline.py", "kubernetes.set"),
        "kubernetes.set_security_context(gather(data_source=[]), run_as_non_root=True)",
        compiled="pipeline.py: gather: ",
    ),
    "sub_path": Case(
        "a folder of a claim",
        ("kubernetes.yaml", "sub_path"),
        kubernetes="save:\n  volumes:\n    /a:\n      claim: c\n      sub_path: d\n",
    ),
    "sub_path, third": Case(
        "a folder of a claim",
        ("pipeline.py", "kubernetes.mount"),
        "kubernetes.mount_pvc(save_task, 'c', '/a', 'b')",
    ),
    "optional": Case(
        "a variable whose secret or config map may be missing",
        ("pipeline.py", "kubernetes.use"),
        "kubernetes.use_secret_as_env(save_task, 's', {'a': 'B'}, optional=True)",
    ),
    "import": Case(
        "an import into the workspace",
        ("pipeline.py", "dsl.importer"),
        "dsl.importer('gs://a', dsl.Dataset, download_to_workspace=True)",
        WORKSPACE,
    ),
    "workspace": Case("a workspace", ("pipeline.py", "workspace="), config=WORKSPACE),
    "loop": Case(
        "dsl.Collected", ("pipeline.py", "gather(data_source=dsl"), LOOP.replace("{name}", "")
    ),
}


def feature_of(case: Case) -> features.Feature:
    (feature,) = [feature for feature in FEATURES if feature.what.startswith(case.words)]
    return feature


def before(version: Version) -> Version:
    return version._replace(minor=version.minor - 1)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_a_server_lacks_is_named_from_the_sources(project: Path, case: Case) -> None:
    """By `make check` and by `make compile`, in the same words where both see it."""
    feature = feature_of(case)
    case.write(project)
    set_server(project, f'"{before(feature.since)}"')
    line = (
        f"{feature.what} needs KFP {feature.since}, and pyproject.toml has server = "
        f'"{before(feature.since)}": {feature.cure}'
    )
    place = case.place(project)
    with pytest.raises(WorkbenchError) as caught:
        compile_here(project)
    assert (str(caught.value), caught.value.status) == (f"{case.compiled or place}{line}", 2)
    found = [finding.text for finding in check.check_project(project) if "KFP" in finding.what]
    assert found == [f"{place}{line}"]
    assert not (project / "build" / "pipeline.yaml").exists()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_server_that_has_it_gets_it(project: Path, case: Case) -> None:
    feature = feature_of(case)
    case.write(project)
    set_server(project, f'"{feature.since}"')
    found = documents(project)
    assert feature in fitting.lacking(found, before(feature.since))
    assert fitting.lacking(found, feature.since) == {}
    assert not [finding for finding in check.check_project(project) if "KFP" in finding.what]


def test_each_feature_has_a_case_and_a_place_in_the_manual() -> None:
    cases = {feature_of(case) for case in CASES.values()}
    others = {feature for feature in FEATURES if feature.what == "dsl.TaskConfig"}
    assert cases | others == set(FEATURES) and all(feature.source for feature in FEATURES)
    rows = set(re.findall(r"^\| (2\.\d+) \|", page("cluster"), re.M))
    assert rows == {str(feature.since) for feature in FEATURES}


def test_task_configs_are_found_in_what_is_compiled(project: Path) -> None:
    Case("", NOWHERE, "other()").write(project)
    other = '@dsl.component(base_image="a:1")\ndef other(c: dsl.TaskConfig = None): ...\n\n\n'
    edit(project / "pipeline.py", "@dsl.pipeline", f"{other}@dsl.pipeline")
    lacking = fitting.lacking(documents(project), Version(2, 14))
    assert [tasks for feature, tasks in lacking.items() if feature.what == "dsl.TaskConfig"] == [
        ["other"]
    ]


@pytest.mark.parametrize(
    "lines",
    [
        "kubernetes.use_secret_as_env(save_task, 's', {'a': 'B'}, optional=False)",
        "kubernetes.mount_pvc(save_task, 'c', '/a', '')",
        "kubernetes.set_security_context(save_task, run_as_non_root=True)",
        "with dsl.ParallelFor([1, 2], name='many') as item:\n        load(context=context)",
        LOOP.replace("{name}", ", name=None"),
        LOOP.replace("{name}", "").replace("[1, 2]", "[1], parallelism=2"),
    ],
)
def test_what_any_server_has_is_no_finding(project: Path, lines: str) -> None:
    Case("", NOWHERE, lines).write(project)
    set_server(project, '"2.14"')
    assert fitting.lacking(documents(project), Version(2, 14)) == {}
    assert not [finding for finding in check.check_project(project) if "KFP" in finding.what]


def test_an_if_that_is_sure_is_written_out_and_no_finding(project: Path) -> None:
    clause = "{if: {cond: {isPresent: context}, then: [--context, {inputValue: context}]}}"
    Case("", NOWHERE, component=clause).write(project)
    set_server(project, '"2.15"')
    (container,) = (
        executor["container"]
        for label, executor in documents(project)[0]["deploymentSpec"]["executors"].items()
        if label == "exec-load"
    )
    assert "{{$.inputs.parameters['context']}}" in container["args"]
    assert "IfPresent" not in str(container)
    assert not [finding for finding in check.check_project(project) if "KFP" in finding.what]


def test_a_loop_of_another_graph_and_what_only_the_root_gives_are_no_matter(project: Path) -> None:
    """A loop's name counts where its outputs are handed on."""
    lines = LOOP.replace("{name}", ", 'many'").partition("    gather")[0] + "    pass"
    Case("", NOWHERE, lines).write(project)
    edit(project / "pipeline.py", "-> dict:", "-> list:")
    edit(project / "pipeline.py", "return save_task.output", "return dsl.Collected(many.output)")
    assert features.NAMED_LOOP not in fitting.lacking(documents(project), Version(2, 15))
