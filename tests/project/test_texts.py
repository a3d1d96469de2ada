"""Texts that a server refuses, or a cluster changes: found before anything is submitted."""

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from kfp.compiler import Compiler

from kfp_workbench.check import Finding, examine
from kfp_workbench.check import texts as source_texts
from kfp_workbench.cluster import runs, submission
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import steps, texts
from kfp_workbench.project.sources import Sources
from servers.kfp_server import KfpServer, kfp_server
from shared.baking import bake, compile_here, make
from shared.by_hand import write_by_hand
from shared.golden import FOLDER as GOLDEN

PARTY = "\U0001f389"
POD = "{{pod.name}}"
NAME = "{{workflow.name}}"
ADD = "steps/add/component.yaml"
PARAMS = "params/dev.yaml"
NUMBERS = "context:\n  numbers: [1, 2, 3, 4]\n"
UNPINNED = {"ALLOW_UNPINNED": "1"}

REFUSED: Mapping[str, list[str]] = {
    f"a {PARTY} and a \U0001f680": [PARTY],
    "\U00010000": ["\U00010000"],
    f"{{{{ {PARTY}": [PARTY],
    POD: [POD],
    "{{ pod.name }}": ["{{ pod.name }}"],
    "a{{tasks.a.outputs.parameters.b}}c": ["{{tasks.a.outputs.parameters.b}}"],
    "{{inputs.parameters.x}} {{inputs.parameters.x}}": ["{{inputs.parameters.x}}"],
    "{{steps.a.ip}}{{item.x}}": ["{{steps.a.ip}}", "{{item.x}}"],
    "{{workflow.nothing}}": ["{{workflow.nothing}}"],
    "{{workflow.parameters.x}}": ["{{workflow.parameters.x}}"],
    "{{workflow.name": ["{{workflow.name"],  # the workflow's own braces end it
    f"{PARTY} {POD}": [PARTY, POD],
}
CHANGED = (
    *(NAME, "{{ workflow.namespace }}", "{{workflow.uid}}", "{{workflow.parameters.json}}"),
    *("{{workflow.creationTimestamp.RFC3339}}", "{{node.name}}", "{{=1+1}}", "{{tasks.name}}"),
)
TAKEN = (
    *(
        "",
        "plain",
        "\uffff ä \u20ac 日本 \u2713",
        "{{",
        "}}",
        "{{}}",
        "{ {pod.name}}",
        "{pod.name}",
    ),
    *("{{$}}", "{{$.inputs.parameters['n']}}", "{{$.outputs.artifacts['m'].path}}", "{{$.x}}"),
    *("{{$.pipeline_job_uuid}}", "{{ $.inputs.parameters['n'] }}", "image: {{$.Values.x}}"),
    *("{{ x }}", "{{item}}", "{{inputs}}", "{{outputs.x}}", "{{podname}}", "{{Pod.name}}"),
    *("{{\npod.name}}", "{{{pod.name}}}", "{{ {{pod.name}}", "{% pod.name %}", "${{ github.x }}"),
)


def troubles(value: Any, **how: Any) -> list[tuple[str, bool]]:
    return [(trouble.excerpt, trouble.refused) for _, trouble in texts.find(value, **how)]


@pytest.mark.parametrize(("text", "excerpts"), REFUSED.items())
def test_what_the_server_refuses_is_found(text: str, excerpts: list[str]) -> None:
    assert troubles(text) == [(excerpt, True) for excerpt in excerpts]
    for _, trouble in texts.find(text):
        assert trouble.text().isprintable() and ": " in trouble.text()
        assert trouble.excerpt not in trouble.text(hidden=True)


@pytest.mark.parametrize("text", CHANGED)
def test_what_a_cluster_changes_is_found(text: str) -> None:
    assert troubles(text) == [(text, False)]


@pytest.mark.parametrize("text", TAKEN)
def test_what_arrives_as_it_is_is_not_found(text: str) -> None:
    assert troubles(text) == []


def test_texts_are_found_wherever_they_are_in_a_value() -> None:
    value = {"a": [1, None, {"b": POD}], PARTY: True, "c": "fine"}
    assert [place for place, _ in texts.find(value, ("x",))] == [("x", "a", 2, "b"), ("x", PARTY)]


def test_a_name_may_have_braces() -> None:
    assert troubles(f"{POD} {PARTY}", for_argo=False) == [(PARTY, True)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("as it is \u2713 ", "as it is \u2713 "),
        (f"{PARTY} to the \U0001f469\u200d\U0001f4bb", "to the"),
        ("\u2764\ufe0f \U0001f578\ufe0f.", "\u2764\ufe0f ."),
    ],
)
def test_what_the_database_takes_of_a_text(text: str, kept: str) -> None:
    assert texts.storable(text) == kept and troubles(texts.storable(text)) == []


# In the files of a project


MODULE = '''"""Averages. {PARTY}"""

from kfp import dsl
from kfp.components import load_component_from_text

TITLE, LIST = "fine", ["fine"]
TEXT = "{text}"
UNUSED = "{unused}"

echo = load_component_from_text("""
name: Echo {PARTY}
description: Says {PARTY}
inputs:
- {{name: text, type: String, description: in {PARTY}, default: "{in_yaml}"}}
implementation:
  container:
    image: x:1
    command: [echo]
    args: ["{in_args}", {{inputValue: text}}]
    env: {{A: "{in_env}"}}
""")


def helper(text):
    """Say {PARTY}."""
    print("{PARTY}")
    if not text:
        raise ValueError("{PARTY}")
    return f"{in_helper}{{text}}"


@dsl.component(base_image="x:1", packages_to_install=["{in_packages}"])
def light(text: str) -> str:
    return text  # {in_light}


@dsl.container_component
def show(text: str):
    """Show {PARTY}.

    Args:
        text: {in_args_section}
    """
    return dsl.ContainerSpec(image="x:1", command=["echo"], args=["{in_container}", text])


@dsl.pipeline(name="x", description="{PARTY}")
def pipeline(text: str = "{in_default}", more: str = "fine"):
    """Run {PARTY}."""
    echo(text=TEXT).set_display_name("{in_display_name}")
    light(text=helper(text))
    with dsl.If(text == "{in_condition}"):
        show(text=f"{{text}} {in_text}")
'''
PLACES = {
    name: next(n for n, line in enumerate(MODULE.splitlines(), 1) if f"{{{name}}}" in line)
    for name in re.findall(r"(?<!\{)\{([a-z_]+)\}(?!\})", MODULE)
}


def module(**given: str) -> str:
    return MODULE.format(PARTY=PARTY, **{**dict.fromkeys(PLACES, "fine"), **given})


def in_module(folder: Path, text: str) -> list[tuple[int, str]]:
    (folder / "pipeline.py").write_text(text, encoding="utf-8")
    found = source_texts.find(Sources(folder))
    return sorted((finding.line, trouble.excerpt) for finding, trouble in found)


def in_compiled(folder: Path, text: str) -> set[str]:
    """Return what is found in what kfp makes of a module."""
    path = folder / "pipeline.py"
    path.write_text(text, encoding="utf-8")
    compile_file(path, folder / "compiled.yaml")
    documents = steps.read_documents(folder / "compiled.yaml")
    return {trouble.excerpt for _, trouble in submission.find(documents)}


def compile_file(path: Path, target: Path) -> Any:
    """Compile a module that is no project's, and return it."""
    spec = util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    found = util.module_from_spec(spec)
    sys.modules[path.stem] = found  # where kfp looks for a component's source
    try:
        spec.loader.exec_module(found)
        Compiler().compile(found.pipeline, str(target))
    finally:
        del sys.modules[path.stem]
    return found


@pytest.mark.parametrize("name", sorted(set(PLACES) - {"unused"}))
@pytest.mark.parametrize("text", [PARTY, POD, NAME])
def test_a_text_is_found_in_the_pipeline_and_in_what_is_compiled(
    tmp_path: Path, name: str, text: str
) -> None:
    within_braces = name in ("in_helper", "in_text")  # of an f-string, where two stand for one
    written = text.replace("{", "{{").replace("}", "}}") if within_braces else text
    source = module(**{name: written})
    assert in_module(tmp_path, source) == [(PLACES[name], text)]
    assert in_compiled(tmp_path, source) == {text}


def test_what_is_not_submitted_is_not_found(tmp_path: Path) -> None:
    source = module(unused=PARTY + POD)
    assert in_module(tmp_path, source) == [] and in_compiled(tmp_path, source) == set()


def test_texts_of_other_modules_are_found(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text(f'HELLO = "{PARTY}"\nUNUSED = "{POD}"\n', encoding="utf-8")
    text = (
        module()
        .replace("text=TEXT", "text=words.HELLO")
        .replace("from kfp", "import words\nfrom kfp", 1)
    )
    (tmp_path / "pipeline.py").write_text(text, encoding="utf-8")
    ((finding, _),) = source_texts.find(Sources(tmp_path))
    assert finding.text.startswith("words.py:1: has ")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = bake(tmp_path_factory.mktemp("texts"))
    compile_here(project)
    return project


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Path:
    """Return a project that is compiled, for the test alone."""
    return shutil.copytree(original, tmp_path / "project")


def edit(project: Path, path: str, old: str, new: str) -> None:
    file = project / path
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    assert old in text
    file.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")


def lines(findings: list[Finding]) -> list[str]:
    return [f"{finding.path}:{finding.line}" for finding in findings if finding.path[:5] != "docs/"]


YAML = {
    "parameter": (PARAMS, "context:\n  text: '<>'\n", 2, True),
    "parameter-in-a-list": (PARAMS, "context:\n  numbers:\n  - 1\n  - '<>'\n", 4, True),
    "key-of-a-parameter": (PARAMS, "context:\n  '<>': 1\n", 2, True),
    "experiment": (PARAMS, f"{NUMBERS}.settings:\n  experiment: '<>'\n", 4, False),
    "experiment-description": (
        PARAMS, f"{NUMBERS}.settings:\n  experiment_description: '<>'\n", 4, False
    ),
    "schedule": (
        "schedules.yaml",
        "nightly:\n  every: 1d\n  parameters:\n    context: {text: '<>'}\n", 4, True,
    ),
    "variable": ("kubernetes.yaml", "add:\n  env:\n    A: '<>'\n", 3, False),
}  # fmt: skip


@pytest.mark.parametrize(("path", "text", "line", "for_argo"), YAML.values(), ids=YAML)
def test_a_text_is_found_in_a_file(
    project: Path, path: str, text: str, line: int, for_argo: bool
) -> None:
    place = [f"{path}:{line}"]
    (project / path).write_text(text.replace("<>", PARTY), encoding="utf-8")
    assert (lines(examine(project)[0]), examine(project)[1]) == (place, [])
    (project / path).write_text(text.replace("<>", NAME), encoding="utf-8")
    is_replaced = place if for_argo or path == "kubernetes.yaml" else []
    assert (lines(examine(project)[0]), examine(project)[1]) == (is_replaced, [])


def test_a_text_is_found_in_a_component(project: Path) -> None:
    write_by_hand(project)
    edit(project, ADD, "--context, {", f"--note, 'a {POD}', --context, {{")
    edit(project, ADD, "description: What", f"default: {{{PARTY}: 1}}, description: {PARTY}")
    found = [finding for finding in examine(project)[0] if "refuses" in finding.what]
    text = (project / ADD).read_text(encoding="utf-8").splitlines()
    expected = [n for n, line in enumerate(text, 1) if POD in line or PARTY in line]
    assert [finding.line for finding in found] == expected
    assert [finding.what.partition(":")[0] for finding in found] == [
        *(f"inputs[0].default.{PARTY}", "args[1]"),
    ]


def test_a_secret_text_is_not_shown(project: Path) -> None:
    (project / PARAMS).write_text(f"context:\n  password: 'x{POD}{PARTY}'\n", encoding="utf-8")
    found = [finding.text for finding in examine(project)[0] if "secret" not in finding.text]
    assert len(found) == 2 and not any("pod" in line or PARTY in line for line in found)


# make check


def test_make_check_says_file_line_and_cure(project: Path) -> None:
    edit(project, "pipeline.py", '"Add"', f'"Add {PARTY}"')
    edit(project, PARAMS, NUMBERS, f"context:\n  numbers: [1]\n  text: '{NAME}'\n")
    result = make(project, "check")
    assert result.returncode != 0
    told = [line for line in result.stdout.splitlines() if not line.startswith("docs/")]
    number = next(
        n
        for n, line in enumerate((project / "pipeline.py").read_text("utf-8").splitlines(), 1)
        if PARTY in line
    )
    assert told == [
        "params/dev.yaml:4: context.text: has '{{workflow.name}}', which a cluster replaces (Argo "
        "takes it for its own): put a space between the braces, or use KFP's own placeholders, "
        "{{$...}}, in pipeline.py",
        f"pipeline.py:{number}: has '{PARTY}' (U+1F389), which a server refuses (its database "
        "ends at U+FFFF): leave it out",
    ]
    assert PARTY not in result.stderr


# Before anything is submitted


@pytest.fixture
def kfp() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running


def call(project: Path, kfp: KfpServer, *words: str, **env: str) -> Any:
    return make(project, *words, env={"KFP_HOST": kfp.url, **UNPINNED, **env}, timeout=120)


def told(result: Any) -> list[str]:
    """Return what was printed of texts by what was refused for them."""
    assert result.returncode != 0 and result.stdout == "" and "Traceback" not in result.stderr
    return [line for line in result.stderr.splitlines() if " has " in line]


VERBS = {
    "run": ["run"],
    "upload": ["upload"],
    "manifest": ["manifest"],
    "schedule": ["schedule", "APPLY=1"],
}


@pytest.mark.parametrize("words", VERBS.values(), ids=VERBS)
def test_no_pipeline_with_such_a_text_is_submitted(
    project: Path, kfp: KfpServer, words: list[str]
) -> None:
    write_by_hand(project)
    edit(project, "schedules.yaml", "", "nightly: {every: 1d}\n")
    edit(project, "pipeline.py", '"Add"', f'"Add {PARTY}"')
    edit(project, ADD, "--context, {", f"--note, '{POD}', --context, {{")
    lines = told(call(project, kfp, *words))
    assert [re.sub(r":[0-9]+", ":N", line.partition(", ")[0]) for line in lines] == [
        f"build/pipeline.yaml ({ADD}:N): exec-add.args[1]: has '{POD}'",
        f"build/pipeline.yaml (pipeline.py:N): add.name: has '{PARTY}' (U+1F389)",
    ]
    assert kfp.requests == [] and not (project / "build/pipeline-manifest.yaml").exists()


def test_a_plan_says_that_it_would_be_refused(project: Path, kfp: KfpServer) -> None:
    edit(project, "schedules.yaml", "", "nightly: {every: 1d}\n")
    edit(project, "pipeline.py", '"Add"', f'"Add {PARTY}"')
    result = call(project, kfp, "schedule")
    assert result.returncode == 0 and "note: APPLY=1 would be refused: build/" in result.stderr


def test_such_a_pipeline_does_not_begin_here_either(project: Path) -> None:
    edit(project, "pipeline.py", '"Add"', f'"Add {PARTY} {POD}"')
    result = make(project, "local", "RUNNER=process")
    assert result.returncode == 2 and result.stdout == ""
    assert "characters beyond U+FFFF" in result.stderr and "Argo Workflows" in result.stderr
    assert not (project / "build" / "local").exists()


@pytest.mark.parametrize(
    ("text", "words", "env", "line"),
    [
        ("context: {text: '<>'}\n", [], {}, "params/dev.yaml:2: context.text: has "),
        ("context:\n  text: ${TEXT}\n", [], {"TEXT": "<>"}, "params/dev.yaml:3: context.text: has "),
        (NUMBERS, ["ARGS=-p 'context={\"a\":\"<>\"}'"], {}, "-p: context.a: has "),
        (f"{NUMBERS}.settings: {{experiment: '<>'}}\n", [], {},
         "params/dev.yaml:4: .settings.experiment: has "),
        (NUMBERS, [], {"KFP_EXPERIMENT": "<>"}, "experiment has "),
        (NUMBERS, ["ARGS=--name '<>'"], {}, "run name has "),
        (NUMBERS, ["ARGS=--experiment-description '<>'"], {}, "experiment description has "),
    ],
    ids=["parameter", "variable", "assignment", "setting", "environment", "name", "description"],
)  # fmt: skip
def test_no_such_text_is_given_to_a_run(
    project: Path, kfp: KfpServer, text: str, words: list[str], env: dict[str, str], line: str
) -> None:
    edit(project, PARAMS, NUMBERS, text.replace("<>", PARTY))
    given = {name: value.replace("<>", PARTY) for name, value in env.items()}
    result = call(project, kfp, "run", *(word.replace("<>", PARTY) for word in words), **given)
    (found,) = told(result)
    assert found.removeprefix("error: ").startswith(line) and found.endswith(": leave it out")
    assert kfp.requests == []


def test_a_secret_is_refused_without_being_shown(project: Path, kfp: KfpServer) -> None:
    edit(project, PARAMS, NUMBERS, "context: {text: '${DB_PASSWORD}'}\n")
    (line,) = told(call(project, kfp, "run", DB_PASSWORD=f"s3cret{POD}"))
    assert "context.text: has {{...}}, which a" in line and "pod" not in line


def test_a_setting_that_is_overruled_may_be_anything(project: Path, kfp: KfpServer) -> None:
    edit(project, PARAMS, "", f".settings: {{experiment: '{PARTY}'}}\n")
    result = call(project, kfp, "run", KFP_EXPERIMENT="plain")
    assert result.returncode == 0, result.stderr


def test_a_run_says_what_a_cluster_changes(project: Path, kfp: KfpServer) -> None:
    edit(project, PARAMS, NUMBERS, f"context: {{text: '{NAME}'}}\n")
    edit(project, "pipeline.py", '"Add"', f'"Add {NAME}"')
    result = call(project, kfp, "run")
    assert result.returncode == 0 and len(kfp.runs) == 1
    notes = [line for line in result.stderr.splitlines() if "a cluster replaces" in line]
    assert [line.partition(" has ")[0] for line in notes] == [
        "note: params/dev.yaml:2: context.text:",
        "note: build/pipeline.yaml (pipeline.py:23): add.name:",
    ]


@pytest.mark.parametrize("text", [PARTY, "${TEXT}"])
def test_no_such_text_is_given_to_a_schedule(project: Path, kfp: KfpServer, text: str) -> None:
    schedule = f"nightly:\n  every: 1d\n  parameters:\n    context: {{text: '{text}'}}\n"
    edit(project, "schedules.yaml", "", schedule)
    (line,) = told(call(project, kfp, "schedule", TEXT=PARTY))
    where = "schedules.yaml:4: nightly: parameters.context.text: has "
    assert line.removeprefix("error: ").startswith(where) and kfp.requests == []


def test_a_schedule_says_what_a_cluster_changes(project: Path, kfp: KfpServer) -> None:
    schedule = f"nightly:\n  every: 1d\n  parameters:\n    context: {{text: '{NAME}'}}\n"
    edit(project, "schedules.yaml", "", schedule)
    result = call(project, kfp, "schedule", "APPLY=1")
    where = "note: schedules.yaml:4: nightly: parameters.context.text: has "
    assert result.returncode == 0 and result.stderr.count(where) == 1, result.stderr


def test_an_experiment_may_have_braces_in_its_name() -> None:
    runs.check_names(POD, "r", POD)
    with pytest.raises(
        WorkbenchError, match=r"run name has '\{\{workflow\.x\}\}', which a server"
    ) as caught:
        runs.check_names("e", "{{workflow.x}}")
    assert caught.value.status == 2


# What a real server refused, and what it took


def outcomes() -> Iterator[tuple[Path, list[str], bool]]:
    """Return each recorded case, the states of its runs, and whether a text was refused."""
    for path in sorted((GOLDEN / "cases").glob("*.py")):
        record = json.loads((GOLDEN / "records" / f"{path.stem}.json").read_text(encoding="utf-8"))
        made = record.get("runs", [])
        why = " ".join(run.get("why", "") for run in made if run["state"] == "refused")
        of_text = "Incorrect string value" in why or "failed to resolve {{" in why
        yield path, [run["state"] for run in made], of_text


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no records of a real server are in {GOLDEN}")
def test_of_recorded_pipelines_those_that_a_server_refused_for_a_text_are_found(
    tmp_path: Path,
) -> None:
    wrong, refused = [], 0
    for path, states, of_text in outcomes():
        if not states:  # not compiled
            continue
        given = getattr(compile_file(path, tmp_path / "compiled.yaml"), "PARAMETERS", {})
        documents = steps.read_documents(tmp_path / "compiled.yaml")
        compiled = [*submission.find(documents), *texts.find(given)]
        source = in_module(tmp_path, path.read_text(encoding="utf-8"))
        excerpts = {trouble.excerpt for _, trouble in compiled}
        is_found = any(trouble.refused for _, trouble in compiled)
        refused += of_text
        if is_found != of_text or excerpts != {excerpt for _, excerpt in source}:
            wrong.append((path.stem, states, excerpts, source))
    assert wrong == [] and refused >= 5
