"""Answers: the bad ones are refused together, the hostile ones arrive as they are."""

import json
import re
import subprocess
import sys

if sys.version_info >= (3, 11):
    import tomllib as toml
else:
    import tomli as toml
from pathlib import Path
from typing import Any

import pytest
import yaml
from cookiecutter.exceptions import FailedHookException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kfp_workbench.project import names
from servers.kfp_server import kfp_server
from shared.baking import PROJECT, TEMPLATE, bake, compiled, environment, files_of, make

HOSTILE = {
    "accents": "Déjà vu, ÅÄÖ, 平均値",
    "emoji": "\U0001f680 to the \U0001f469\u200d\U0001f4bb",
    "quotes": 'it\'s "quoted" and \'\'\'thrice\'\'\' and """thrice"""',
    "backslash": "a back\\slash, and at the end \\",
    "shell": "$HOME `touch pwned` $(touch pwned) ; touch pwned && x",
    "make": "$(shell touch pwned) # comment % : target",
    "yaml": "- a: b # c, {d: e}, [f], &g *h !i | > ?",
    "kfp": "{{ x }} {{$.inputs}} ${{ github.token }} {% raw %}",
    "jinja": "<< 7 * 7 >> <% raw %> <# x #> << cycler.__init__.__globals__ >>",
    "markdown": "# *a* _b_ `c` <b>d</b> [e](f) ![g](h) &amp; ~~i~~ <!-- 1. j",
    "list": "1. one",
    "bullet": "- one",
    "html": "</script><script>alert(1)</script>",
    "percent": "100 % %s %(x)s {0}",
}


def generate(folder: Path, **answers: str) -> "subprocess.CompletedProcess[str]":
    """Call the cookiecutter command, as people do."""
    words = [f"{key}={value}" for key, value in answers.items()]
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "-o", str(folder)]
    return subprocess.run(
        [*command, str(TEMPLATE), *words], capture_output=True, text=True, env=environment()
    )


def test_all_problems_are_told_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    result = generate(
        tmp_path,
        project_slug="json",
        steps="add, Add, 2nd, class",
        registry="http://x/y",
        base_image="python:latest",
        kfp_host="nowhere",
        description="two\nlines",
    )
    assert result.returncode != 0
    told = re.findall(r"^  (\w+): (.+)$", result.stderr, re.M)
    fields = [field for field, _ in told]
    assert sorted(set(fields)) == sorted(
        ["project_slug", "steps", "registry", "base_image", "kfp_host", "description"]
    )
    assert fields.count("steps") == 3
    assert all(": " in line or "%" in line for _, line in told), "a line says the cure"
    assert list(tmp_path.iterdir()) == []


def test_the_hook_is_importable_and_pure() -> None:
    from kfp_workbench.scaffold.refusals import problems

    answers = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    good = {
        "project_name": "x",
        "project_slug": "x",
        "description": "",
        "steps": "add",
        "registry": "localhost:5000/x",
        "base_image": answers["base_image"],
        "kfp_host": answers["kfp_host"],
    }
    assert problems(good) == []
    assert problems({**good, "registry": "X"}) == ["registry: 'X' has upper case: write 'x'"]


def test_a_cache_in_the_template_is_refused(tmp_path: Path) -> None:
    """It would be rendered into the project, or break the generation."""
    from kfp_workbench.scaffold.refusals import leftovers

    assert leftovers(PROJECT) == []
    (tmp_path / "common" / "deep" / "__pycache__").mkdir(parents=True)
    (line,) = leftovers(tmp_path)
    assert line.startswith("template: ") and "remove it" in line


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_free_text_arrives_intact(tmp_path: Path, text: str) -> None:
    project = bake(tmp_path, project_slug="x", project_name=text, description=text)
    table = toml.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert table["tool"]["pipeline"]["display_name"] == text
    assert table["tool"]["pipeline"]["description"] == text
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(
        (project / "README.md").read_text(encoding="utf-8")
    )
    assert [token.type for token in tokens[:6]] == [
        *("heading_open", "inline", "heading_close"),
        *("paragraph_open", "inline", "paragraph_close"),
    ]
    for token in (tokens[1], tokens[4]):
        children = token.children or []
        assert "".join(child.content for child in children) == text
        assert {child.type for child in children} == {"text"} or "text_special" in {
            child.type for child in children
        }
    result = make(project, "compile", "local", "RUNNER=process")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["Output"]["average"] == 2.5
    assert compiled(project)["pipelineInfo"]["displayName"] == text
    assert compiled(project)["pipelineInfo"]["description"] == text
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("text", [HOSTILE["emoji"], HOSTILE["kfp"]], ids=["emoji", "kfp"])
def test_a_project_of_any_name_and_description_can_be_submitted(tmp_path: Path, text: str) -> None:
    """A server refuses such texts in a workflow: there these do not get to."""
    project = bake(tmp_path, project_slug="x", project_name=text, description=text)
    schedules = project / "schedules.yaml"
    schedules.write_text('nightly: {cron: "0 0 3 * * *"}\n', encoding="utf-8")
    assert make(project, "check").returncode == 0
    with kfp_server() as server:
        env = {"KFP_HOST": server.url, "ALLOW_UNPINNED": "1", "APPLY": "1"}
        for verb in ("run", "upload", "schedule", "manifest"):
            result = make(project, verb, env=env)
            assert result.returncode == 0, result.stderr
        sent = [request.body for request in server.requests if isinstance(request.body, dict)]
    for body in sent:  # what the server keeps as it is; a pipeline's file it keeps as ASCII
        kept = {key: value for key, value in body.items() if key != "pipeline_spec"}
        assert max(json.dumps(kept, ensure_ascii=False)) <= "\uffff"
    assert {"description", "pipeline_spec"} <= {key for body in sent for key in body}


@pytest.mark.parametrize("field", ["project_name", "description"])
def test_an_answer_is_never_run_as_a_template(tmp_path: Path, field: str) -> None:
    """cookiecutter would render an answer that comes from the command line."""
    evil = "<< cycler.__init__.__globals__.os.system('touch ' ~ 'pwned') >>"
    result = generate(tmp_path, **{field: evil, "project_slug": "x"})
    assert result.returncode == 0, result.stderr
    assert evil in (tmp_path / "x" / "pyproject.toml").read_text(encoding="utf-8")
    assert not Path("pwned").exists() and not list(tmp_path.rglob("pwned"))


def test_a_project_is_not_overwritten(tmp_path: Path) -> None:
    project = bake(tmp_path)
    (project / "README.md").write_text("mine")
    before = files_of(project)
    result = generate(tmp_path)
    assert result.returncode != 0 and "already exists" in result.stdout
    assert files_of(project) == before


def test_generating_over_a_project_by_force_keeps_its_steps(tmp_path: Path) -> None:
    project = bake(tmp_path)
    step = project / "steps" / "add" / "main.py"
    step.write_text("mine")
    (project / "pipeline.py").write_text("mine")
    words = ["-m", "cookiecutter", "--no-input", "-f", "-o", str(tmp_path), str(TEMPLATE)]
    subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment())
    assert step.read_text() == "mine" and (project / "pipeline.py").read_text() == "mine"


# Fuzzing: plausible text, and text made to break things, in every answer.
PIECES = st.sampled_from(
    [*HOSTILE.values(), "a", "Add", "x-1", "_", "-", "/", ":", "5000", "@", "..", " ", "\n", "\0"]
)
WILD = st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=4).map("".join))


def _or_wild(*plausible: str) -> "st.SearchStrategy[str]":
    return st.one_of(st.sampled_from(plausible), st.sampled_from(plausible), WILD)


ANSWERS = st.fixed_dictionaries(
    {
        "project_name": WILD,
        "project_slug": _or_wild("calculate-average", "x", "a-", "x" * 63),
        "description": WILD,
        "starter": st.sampled_from(["average", "training", "blank"]),
        "steps": _or_wild(
            *("add, div", "add, div, round", "Load data, save", "a", "print, a_task, a"),
            *("load, split, train, evaluate, report, publish",) * 2,
        ),
        "registry": _or_wild("localhost:5000/x", "ghcr.io/team", "team"),
        "base_image": _or_wild("python:3.12-slim", "a.b/c@sha256:" + "0" * 64),
        "kfp_host": _or_wild("http://localhost:8080", "https://a.b/c/"),
        "ci": st.sampled_from(["github", "gitlab", "none"]),
    }
)


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(answers=ANSWERS)
def test_any_answers_are_refused_or_make_a_project(
    tmp_path_factory: pytest.TempPathFactory, answers: dict[str, str]
) -> None:
    from kfp_workbench.scaffold.refusals import problems

    folder = tmp_path_factory.mktemp("fuzz")
    expected = problems(answers)
    if expected:
        assert all(line.isprintable() and len(line) < 400 for line in expected)
        with pytest.raises(FailedHookException):
            bake(folder, **answers)
        assert list(folder.iterdir()) == []
        return
    project = bake(folder, **answers)
    _check_files_parse(project)
    from kfp_workbench.pipeline import compiling
    from kfp_workbench.project import settings as project_settings

    saved = sys.modules.pop("pipeline", None), list(sys.path)
    try:
        compiling.compile_pipeline(project_settings.load(project, {}), project)
    finally:
        sys.path[:] = saved[1]
        sys.modules.pop("pipeline", None)
    used = {
        e["container"]["image"] for e in compiled(project)["deploymentSpec"]["executors"].values()
    }
    assert len(used) == len(names.split_steps(answers["steps"]))


def _check_files_parse(project: Path) -> None:
    for path in project.rglob("*"):
        if not path.is_file() or path.relative_to(project).parts[0] in ("templates", "vendor"):
            continue
        text = path.read_text(encoding="utf-8")
        assert "<<cookiecutter" not in text and "<< cookiecutter" not in text, path
        parse: dict[str, Any] = {
            ".py": lambda text: compile(text, "x", "exec", dont_inherit=True),
            ".yaml": lambda text: list(yaml.safe_load_all(text)),
            ".yml": lambda text: list(yaml.safe_load_all(text)),
            ".toml": toml.loads,
        }
        parse.get(path.suffix, str)(text)


def test_generating_again_keeps_what_is_there(tmp_path: Path) -> None:
    """With -f, which overwrites the template's own files: steps, wiring and parameters are the user's."""
    project = bake(tmp_path)
    assert make(project, "step", "NAME=scale").returncode == 0
    (project / "params" / "dev.yaml").write_text("context: {numbers: [7]}\n")
    kept = {name: (project / name).read_bytes() for name in ("pipeline.py", "params/dev.yaml")}
    words = ["-m", "cookiecutter", "--no-input", "-f", "-o", str(tmp_path), str(TEMPLATE)]
    subprocess.run([sys.executable, *words], check=True, env=environment(), capture_output=True)
    assert {name: (project / name).read_bytes() for name in kept} == kept


def test_a_step_may_be_called_like_the_pipeline(tmp_path: Path) -> None:
    """kfp's own local runner would run that step alone, and call it a success."""
    from kfp_workbench.scaffold.refusals import problems

    assert not problems({"project_slug": "scale", "starter": "blank", "steps": "save, scale"})
    project = bake(tmp_path, project_slug="scale")
    assert make(project, "step", "NAME=scale").returncode == 0
    result = make(project, "local", "RUNNER=process")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["Output"]["average"] == 2.5
    assert "scale: succeeded" in result.stderr and "div: succeeded" in result.stderr
