"""`make check`: what it follows into scripts, and how it says what it found."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kfp_workbench.check import check_project
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import components, params, settings, steps
from shared.baking import environment, make
from shared.checking import ADD, ARGS, DOCKER, LOCK, SCRIPT, USER, edit, report

REQUIRING = """
def add_db(parser):
    def more():
        parser.add_argument("--db", required=True)
    more()

def add_all(parser):
    add_db(parser)

class Parser:
    def __init__(self):
        self.add_argument("--level", required=True)
"""


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("from common.cli import add_db", {"--level"}),
        ("from common.cli import add_db\nadd_db(1)", {"--level", "--db"}),
        ("from common.cli import add_db as more\nmore(1)", {"--level", "--db"}),
        ("from common import cli\ncli.add_all(1)", {"--level", "--db"}),
        ("import common.cli\ncommon.cli.add_db(1)", {"--level", "--db"}),
        ("import common.cli\nx.add_db(1)", {"--level"}),
        ("from common.cli import *\ndef add_db(): pass\nadd_db()", {"--level"}),
    ],
)
def test_a_shared_flag_is_required_where_it_is_added(
    project: Path, code: str, needed: set[str]
) -> None:
    (project / "common" / "cli.py").write_text(REQUIRING)
    edit(project, SCRIPT, "import math\n", f"import math\n{code}\n")
    found = check_project(project)
    assert {finding.what.split()[2].strip(",") for finding in found} == needed, report(found)


def test_a_step_that_reads_its_executor_input(project: Path) -> None:
    edit(
        project,
        ADD,
        f"      --context, {{inputValue: context}},\n{ARGS}",
        "      --executor-input, {executorInput: null},\n",
    )
    code = "from common.program import run\nrun()\n"
    (project / SCRIPT).write_text(code)
    assert report(check_project(project)) == ""
    (project / SCRIPT).write_text(code.replace("\nrun", "\nprint"))
    edit(project, ADD, "--executor-input, {executorInput: null}", "--x, {executorInput: null}")
    (finding,) = check_project(project)
    assert "'--x', which main.py does not read" in finding.text


def test_aliases_that_unfold_without_end_are_refused_at_once(project: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60)]
    (project / "params" / "dev.yaml").write_text("\n".join(lines))
    edit(project, ADD, "outputs:\n", "\n".join(lines) + "\noutputs:\n")
    found = [finding for finding in check_project(project) if finding.path != "docs/pipeline.svg"]
    assert {finding.path for finding in found} == {"params/dev.yaml", ADD}
    assert all("unfold to too many values" in finding.what for finding in found)
    with pytest.raises(WorkbenchError, match="unfold"):
        params.read_parameters(compiled_context(project), project / "params" / "dev.yaml", [])


def compiled_context(project: Path) -> Path:
    """Return a compiled pipeline with the parameter ``context``, as far as parameters go."""
    package = project / "pipeline.json"
    package.write_text(
        '{"root": {"inputDefinitions": {"parameters": {"context": {"parameterType": "STRUCT"}}}}}'
    )
    return package


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("yes: 1\non: 2\n", "the keys 'yes' and 'on' are both True"),
        ("context: &a {x: *a}\n", "an alias stands for what it is in"),
        ("context: !!bool x\n", "'x' is no bool"),
        (f"context: {'[' * 3000}", "nested too deeply"),
    ],
)
def test_a_run_refuses_what_the_check_does(project: Path, text: str, words: str) -> None:
    (project / "params" / "dev.yaml").write_text(text)
    with pytest.raises(WorkbenchError, match=words) as error:
        params.read_parameters(compiled_context(project), project / "params" / "dev.yaml", [])
    assert error.value.status == 2
    assert re.match(r"params/dev\.yaml:[12]: no valid YAML: ", str(error.value))


def test_a_secret_in_parameters_is_found_and_not_repeated(project: Path) -> None:
    text = "context:\n  numbers: [1]\n  db_password: hunter2-literal\n  token: ${TOKEN}\n"
    (project / "params" / "prod.yaml").write_text(text)
    (finding,) = check_project(project)
    what = "context.db_password looks like a secret: write db_password: ${DB_PASSWORD}"
    assert finding.text == f"params/prod.yaml:3: {what}"


def test_a_pipe_and_a_name_that_is_no_utf8_have_a_tag(project: Path) -> None:
    before = tag(project)
    os.mkfifo(project / "common" / "other.py")
    assert tag(project) == before
    odd = os.fsdecode(b"steps/add/\xff.py")
    (project / odd).touch()
    assert tag(project) != before


def tag(project: Path) -> str:
    """Return the content tag of the step add."""
    step = steps.get_step("add", project)
    return steps.content_tag(step, settings.load(project, {}), project)


@pytest.mark.parametrize(
    ("name", "target", "fits"),
    [
        (SCRIPT, "../../shared/main.py", False),
        (SCRIPT, "/etc/hostname", False),
        (SCRIPT, "component.yaml", False),
        (SCRIPT, "../div/main.py", False),
        ("common/data.py", "../pyproject.toml", False),
        ("common/data.py", "nowhere.py", False),
        ("common/data.py", "data.py", False),
        ("common/data.py", "context.py", True),
        ("steps/add/shared.py", "../../common/context.py", True),
        ("steps/add/shared.py", "../../common", True),
        ("steps/add/shared.txt", "/etc/hostname", True),  # .dockerignore does not admit it
    ],
)
def test_links(project: Path, name: str, target: str, fits: bool) -> None:
    shared = project / "shared" / "main.py"
    shared.parent.mkdir()
    shared.write_bytes((project / SCRIPT).read_bytes())
    (project / name).unlink(missing_ok=True)
    (project / name).symlink_to(target)
    found = [finding for finding in check_project(project) if "is a link" in finding.what]
    expected = [] if fits else [f"{name}:1: is a link to {target!r}, which the engine does not get"]
    assert [finding.text.rpartition(": ")[0] for finding in found] == expected


@pytest.mark.parametrize("coding", ["latin-1", "utf-8"])
def test_a_script_may_name_its_encoding(project: Path, coding: str) -> None:
    text = (project / SCRIPT).read_text(encoding="utf-8")
    text = f"# -*- coding: {coding} -*-\n{text}\nNAME = 'é'\n"
    (project / SCRIPT).write_bytes(text.encode("latin-1"))
    found = check_project(project)
    assert [finding.path for finding in found] == ([] if coding == "latin-1" else [SCRIPT])
    assert all("not UTF-8" in finding.what for finding in found)


def test_a_login_is_not_repeated(project: Path) -> None:
    edit(
        project, LOCK, "", "x @ https://user:hush@example.com/x.zip\n-i https://hush@example.com\n"
    )
    edit(project, "steps/add/requirements.in", "", "y @ git+https://user:hush@example.com/y\n")
    text = report(check_project(project))
    assert "hush" not in text and text.count("holds a login") == 3


def test_the_registry_is_the_projects_whatever_the_environment_says(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY", "example.com/elsewhere")
    assert report(check_project(project)) == ""


def test_the_types_are_those_of_kfp() -> None:
    from kfp.dsl.types import type_utils
    from kfp.pipeline_spec import pipeline_spec_pb2

    name = pipeline_spec_pb2.ParameterType.ParameterTypeEnum.Name
    ours = type_utils.PARAMETER_TYPES_MAPPING.items()
    assert {key: name(value) for key, value in ours} == components.PARAMETERS
    titles = {name: kind.schema_title for name, kind in type_utils.ARTIFACT_CLASSES_MAPPING.items()}
    assert {name: components.schema_title(name) for name in titles} == titles
    assert not any(map(components.parameter_type, titles))
    others = {"CSV": "system.Artifact", "system.Dataset": "system.Artifact"}
    others |= {"google.VertexModel": "google.VertexModel", "typing.Dataset": "system.Dataset"}
    assert {name: components.schema_title(name) for name in others} == others


def test_the_command(project: Path) -> None:
    clean = make(project, "check")
    assert clean.returncode == 0 and clean.stdout == ""
    assert clean.stderr == "the contract holds\n"
    edit(project, DOCKER, USER, "USER 0")
    edit(project, ADD, "--context,", "--contxt,")
    result = make(project, "check")
    assert result.returncode == 2  # make's own, for a command that failed
    assert [line.split(": ")[0] for line in result.stdout.splitlines()] == [
        f"{DOCKER}:12", f"{ADD}:12", f"{ADD}:13"
    ]  # fmt: skip
    assert "error: 3 findings, see above\n" in result.stderr


def test_annotations_for_github(project: Path) -> None:
    edit(project, DOCKER, USER, "USER 0")
    result = make(project, "check", "ARGS=--format=github")
    assert result.stdout == (
        f"::error file={DOCKER},line=12,title=make check::"
        "the image runs as root: write USER 65532:0\n"
    )


def test_a_hostile_name_stays_within_its_line(project: Path) -> None:
    (project / "steps" / "a\n::error file=x::y").mkdir()
    (project / "steps" / "a\n::error file=x::y" / "component.yaml").write_text("{}")
    for finding in check_project(project):
        assert finding.text.isprintable()
        assert len(finding.annotation.splitlines()) == 1


def test_neither_kfp_nor_a_step_is_imported(project: Path) -> None:
    edit(project, SCRIPT, "import math\n", "import math\nprint(1 / 0)\n")
    code = "import sys; from kfp_workbench.check import check_project; print(check_project()); " + (
        "sys.exit(bool({'kfp', 'docker', 'requests', 'jinja2'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment(), capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr
