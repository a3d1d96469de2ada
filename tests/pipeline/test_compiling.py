"""`make compile`: what kfp gets wrong, refuses at length, or drops."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.baking import bake, make
from shared.by_hand import write_by_hand
from shared.checking import ADD, contract, edit, report

PIPELINE = "pipeline.py"
DECORATOR = '@dsl.pipeline(name="calculate-average")'
SIGNATURE = "def pipeline(context: dict)"
IMPORT = "from kfp import dsl\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project whose step ``add`` is written by hand."""
    return write_by_hand(bake(tmp_path))


def compiled(project: Path) -> tuple[str, dict[str, Any]]:
    """Return what a project compiles to: the comment at its head, and the pipeline."""
    result = make(project, "compile")
    assert result.returncode == 0, result.stderr
    text = (project / "build" / "pipeline.yaml").read_text(encoding="utf-8")
    head, _, rest = text.partition("components:\n")
    spec = next(yaml.safe_load_all(f"components:\n{rest}"))
    assert next(yaml.safe_load_all(text)) == spec, "the head is more than a comment"
    return head, spec


@pytest.mark.parametrize(
    ("default", "comment"),
    [
        ("a\nb: c", "'a\\nb: c'"),
        ("a\r\n]", "'a\\r\\n]'"),
        ("a\x85\u2028b", "'a\\x85\\u2028b'"),
        ("a\x1b[0m\t", "'a\\x1b[0m\\t'"),
        ("é 'q' # \\n", "'é 'q' # \\n'"),
    ],
)
def test_a_default_stays_in_the_comment(project: Path, default: str, comment: str) -> None:
    edit(project, PIPELINE, SIGNATURE, f"def pipeline(context: dict, text: str = {default!r})")
    head, spec = compiled(project)
    assert f"#    text: str [Default: {comment}]\n" in head
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["text"]["defaultValue"] == default


@pytest.mark.parametrize("text", ["08", "+1_0e3", "1e3", "1.5E5", "0o17", "2026-1-5"])
def test_a_text_that_others_take_for_a_number_is_quoted(project: Path, text: str) -> None:
    edit(project, PIPELINE, SIGNATURE, f"def pipeline(context: dict, text: str = {text!r})")
    compiled(project)
    written = (project / "build" / "pipeline.yaml").read_text(encoding="utf-8")
    assert f"defaultValue: '{text}'\n" in written


def test_a_line_break_in_a_components_default_reaches_the_step(project: Path) -> None:
    edit(project, ADD, "inputs:\n", 'inputs:\n- {name: sign, type: String, default: "a\\nb: c"}\n')
    edit(project, ADD, "args: [\n", "args: [\n      --sign, {inputValue: sign},\n")
    _, spec = compiled(project)
    parameters = spec["components"]["comp-add"]["inputDefinitions"]["parameters"]
    assert parameters["sign"]["defaultValue"] == "a\nb: c"


SETTINGS = ("Calculates the average of a list of numbers", "Calculate Average")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", SETTINGS),
        (', description="My words"', ("My words", SETTINGS[1])),
        (', display_name="My name"', (SETTINGS[0], "My name")),
    ],
)
def test_what_the_decorator_says_is_kept(
    project: Path, words: str, expected: tuple[str, str]
) -> None:
    """The docstring is for those who read the module: the settings describe the pipeline."""
    edit(project, PIPELINE, DECORATOR, f"{DECORATOR[:-1]}{words})")
    info = compiled(project)[1]["pipelineInfo"]
    assert (info["description"], info["displayName"]) == expected


@pytest.mark.parametrize(
    "line",
    [
        "import kfp.client",
        "from kfp.client import Client",
        "from kfp import Client",
        "from kfp.client import client",
        "import kfp.client.auth",
        "from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials",
    ],
)
def test_kfps_client_can_be_imported(project: Path, line: str) -> None:
    edit(project, PIPELINE, IMPORT, f"{IMPORT}{line}  # noqa: F401\n")
    compiled(project)


def test_a_pipeline_may_have_a_components_name(project: Path) -> None:
    edit(project, PIPELINE, DECORATOR, '@dsl.pipeline(name="add")')
    assert report(contract(project)) == ""
    result = make(project, "local", "RUNNER=process")
    assert json.loads(result.stdout)["Output"]["average"] == 2.5, result.stderr


@pytest.mark.parametrize("name", ["logging", "docker", "kfp", "json", "typing", "google", "yaml"])
def test_a_module_that_hides_anothers_is_found(project: Path, name: str) -> None:
    """By what it would hide: make itself goes by Python's, and kfp's."""
    (project / f"{name}.py").write_text("")
    found = [finding.text for finding in contract(project)]
    whose = "Python's own" if name in ("logging", "json", "typing") else "an installed"
    what = f"has the name of {whose} module {name}, and is taken for that"
    assert found == [f"{name}.py:1: {what}: give it another name"]
    result = make(project, "check")
    assert result.stdout.splitlines()[-1] == found[0], result.stderr
    compiled(project)


def test_a_package_that_hides_pythons_is_found(project: Path) -> None:
    (project / "email").mkdir()
    assert report(contract(project)) == ""  # a folder alone hides nothing
    (project / "email" / "__init__.py").touch()
    assert [finding.path for finding in contract(project)] == ["email/__init__.py"]


def test_the_modules_that_are_installed_are_those_of_the_lock(default: Path) -> None:
    from importlib.metadata import packages_distributions

    from kfp_workbench.check.shadows import INSTALLED

    lines = (default / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    locked = {line.partition("==")[0].strip() for line in lines if "==" in line[:60]}
    here = {
        module
        for module, owners in packages_distributions().items()
        if {owner.lower().replace("_", "-") for owner in owners} & locked
        and module.isidentifier()
        and not module.startswith("_")
    }
    internal = {"ast_serialize", "cffi", "librt", "mypyc", "py", "pycparser", "tools"}
    assert here - internal <= INSTALLED


NAN = "which KFP cannot carry: write a number that is finite, or leave it out"
NEWLY = "make check says where, and what to write\n"


@pytest.mark.parametrize(
    ("default", "number"),
    [
        ("float('nan')", "nan"),
        ("-math.inf", "-inf"),
        ("1e999", "inf"),
        ("float('-Infinity')", "-inf"),
    ],
)
def test_a_default_that_is_no_number_is_refused(project: Path, default: str, number: str) -> None:
    edit(project, PIPELINE, IMPORT, f"import math  # noqa: F401\n{IMPORT}")
    edit(
        project,
        PIPELINE,
        SIGNATURE,
        f"def pipeline(\n    context: dict,\n    r: float = {default}\n)",
    )
    (finding,) = contract(project)
    assert (finding.path, finding.line) == (
        PIPELINE,
        23,
    ) and "which KFP cannot carry" in finding.text
    result = make(project, "compile")
    assert result.stderr.startswith(f"error: pipeline.py:23: the default of r is {number}, {NAN}\n")


@pytest.mark.parametrize(
    ("path", "old", "new", "line"),
    [
        (PIPELINE, "add(context=context)", "add(context={'a': [-1e999]})",
         f"pipeline.py: add gets -inf for context, {NAN}\n"),
        (ADD, "    args: [", "    env: {RATE: 1.5}\n    args: [",
         f'{ADD}: kfp does not take it (TypeError: Structure "1.5" is incompatible with type'),
        (ADD, "type: JsonObject,", "type: JsonObject, default: {a: 1},",
         f'{ADD}: kfp does not take it (TypeError: Structure "{{\'a\': 1}}" is incompatible'),
        (PIPELINE, "add(context=context)", "add()", "pipeline.py:22: TypeError: add() missing 1"),
        (PIPELINE, "add(context=context)", "add(context='x' * 5000)", "pipeline.py:22: Incons"),
    ],
    ids=["constant", "env", "default", "argument", "long"],
)  # fmt: skip
def test_what_kfp_refuses_is_one_line(
    project: Path, path: str, old: str, new: str, line: str
) -> None:
    edit(project, path, old, new)
    result = make(project, "compile")
    first, *others = result.stderr.splitlines(keepends=True)
    assert f"{first}".startswith(f"error: {line}"), result.stderr
    assert [other[:5] for other in others] == ["make:"] and len(first) < 450
    assert path == PIPELINE or (first.endswith(NEWLY) and contract(project))


@pytest.mark.parametrize("kind", ["typed", "by hand"])
@pytest.mark.parametrize(
    ("asked", "cure"),
    [
        (
            'add_task.outputs["Output"]',
            "'Output': write .output, as its one result is called output",
        ),
        ('[add_task][0].outputs["Output"]', "'Output': write .output, as its one result is"),
        ('add_task.outputs["sum"]', "'sum': it has output"),
    ],
)
def test_an_output_that_is_not_there_is_said_so(
    tmp_path: Path, kind: str, asked: str, cure: str
) -> None:
    """A notebook's pipeline has ``Output``; both commands say the same."""
    project = bake(tmp_path) if kind == "typed" else write_by_hand(bake(tmp_path))
    edit(project, PIPELINE, "div(context=add_task.output)", f"div(context={asked})")
    line = f"pipeline.py:24: add has no output {cure}"
    assert make(project, "compile").stderr.startswith(f"error: {line}")
    assert line in report(contract(project))


COLLECTED = """
from typing import List

from kfp import dsl


@dsl.container_component
def write(data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="a:1", command=["a"], args=[data.path])


@dsl.container_component
def read(data: dsl.Input[List[dsl.Dataset]]):
    return dsl.ContainerSpec(image="a:1", command=["a"], args=["--executor-input", "{{$}}"])


@dsl.pipeline(name="calculate-average")
def pipeline(text: str = "a"):
    with dsl.ParallelFor(["a", "b"]):
        made = write()
    with dsl.If(text == "a"):
        read(data=dsl.Collected(made.outputs["data"]))
"""


def test_what_is_collected_within_a_block_is_said_so(project: Path) -> None:
    (project / PIPELINE).write_text(COLLECTED)
    said = "a loop's write-data is collected within a block, which kfp takes for no artifacts: let"
    assert make(project, "compile").stderr.startswith(f"error: pipeline.py:17: {said}")


@pytest.mark.parametrize("name", ["Sum up", "sum-up"])
def test_a_message_names_the_folder_of_a_step(project: Path, name: str) -> None:
    edit(project, ADD, 'name: "add"', f"name: {name}")
    edit(project, PIPELINE, "add(context=context)", "add()")
    result = make(project, "compile")
    assert "steps/add() missing 1 required argument" in result.stderr


def test_a_refusal_of_ours_names_the_folder_of_a_step(project: Path) -> None:
    edit(project, ADD, 'name: "add"', 'name: "Sum up"')
    edit(project, PIPELINE, "add(context=context)", "add(context={'a': 1e999})")
    result = make(project, "compile")
    assert result.stderr.startswith("error: pipeline.py: steps/add gets inf for context")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("command:", "env: {RATE: 1.5}\n    command:"),
        ("outputs:", "metadata: {author: me}\noutputs:"),
    ],
)
def test_what_is_added_to_a_typed_steps_component_is_checked(
    project: Path, old: str, new: str
) -> None:
    path = "steps/div/component.yaml"
    edit(project, path, old, new)
    assert path in {finding.path for finding in contract(project)}
    assert f"error: {path}: kfp does not take it" in make(project, "compile").stderr
