"""`make check`: what looks unusual and is right is not found."""

from pathlib import Path

import pytest

from kfp_workbench.check import check_project
from shared.baking import bake, make
from shared.checking import (
    ADD,
    ARGS,
    COPY,
    DOCKER,
    ENTRYPOINT,
    FLAG,
    HASH,
    INPUT,
    LOAD,
    LOCK,
    OUTPUT,
    SCRIPT,
    USER,
    contract,
    edit,
    report,
)

INSTALL = "RUN python -m pip install --no-cache-dir --root-user-action=ignore --require-hashes"

# What looks unusual and is right: a false alarm would teach people not to look.
CLEAN: dict[str, list[tuple[str, str, str]]] = {
    "base-by-digest": [(DOCKER, ":3.12-slim", "@sha256:" + "a" * 64)],
    "base-by-argument": [
        (DOCKER, "FROM python:3.12-slim", "ARG TAG=3.12-slim\nFROM --platform=linux/amd64 python:${TAG}")
    ],
    "two-stages": [
        (DOCKER, "FROM python:3.12-slim", "FROM python:3.12-slim AS base\nUSER 7\nFROM base AS last")
    ],
    "numeric-user-alone": [(DOCKER, USER, "USER 1000")],
    "install-in-exec-form": [
        (DOCKER, COPY, COPY + '\nRUN ["pip", "install", "--require-hashes", "-r", "requirements.txt"]')
    ],
    "continued-lines": [(DOCKER, "RUN python -m", "RUN true \\\n # why\n && python -m")],
    "here-documents": [
        (DOCKER, COPY, COPY + "\nCOPY <<EOF <<-'X' /etc/\nUSER root\nEOF\nFROM x\nX\nRUN <<E\nUSER 0\nE\n")
    ],
    "tabs": [
        (DOCKER, "FROM python", "FROM\tpython"), (DOCKER, USER, "USER\t65532:0"),
        (DOCKER, ENTRYPOINT, ENTRYPOINT.replace(" ", "\t", 1)), (DOCKER, COPY, COPY.replace(" ", "\t")),
        (DOCKER, "RUN python -m pip install", "RUN\tpython\t-m\tpip\tinstall"),
    ],
    "another-escape": [
        (DOCKER, "# The image", "# syntax=docker/dockerfile:1\n# Escape = `\n# The image"),
        (DOCKER, USER, f"RUN echo C:\\\n{USER}\nRUN true `\n && true"),
    ],
    "lines-continued-past-blank-ones": [
        (DOCKER, INSTALL, INSTALL.replace("pip ", "pip \\ \n\n   # why\n\n  --cache-dir /tmp "))
    ],
    "no-here-documents": [
        (DOCKER, COPY, COPY + '\nRUN python -c "print(1 << 4)"\nRUN ["bash", "-c", "cat <<< hello"]'
         "\nRUN cat <<< hello && echo $((1<<4)) 'a <<b'")
    ],
    "two-arguments": [
        (DOCKER, "FROM python:3.12-slim", 'ARG V=3.12 S="slim"\nARG T=$V-${S}\nFROM python:${T:-x}')
    ],
    "user-in-quotes": [(DOCKER, USER, 'USER "65532"')],
    "variable-of-many-words": [(DOCKER, COPY, f"ENV NOTE API_TOKEN=none PASSWORD=none\n{COPY}")],
    "copy-by-detour": [(DOCKER, COPY, "COPY ./steps/div/../add//main.py main.py\nCOPY common/*.py x/")],
    "copy-of-what-may-be-there": [(DOCKER, COPY, f"{COPY}\nCOPY steps/add/extra*.py common/[a-c]*.py ./")],
    "copy-of-more": [
        ("steps/add/model/a.json", "", "{}"), (".dockerignore", "", "!steps/*/model\n"),
        (DOCKER, COPY, f"{COPY}\nCOPY steps/add/model model/\nCOPY steps/a[d]d/model/?.json x/"),
    ],
    "lower-case": [(DOCKER, USER, USER.replace("USER", "user"))],
    "path-of-a-secret": [(DOCKER, COPY, f"ENV TOKEN_FILE=/run/token MAX_TOKENS=5\n{COPY}")],
    "download-with-checksum": [
        (DOCKER, COPY, f"ADD --checksum=sha256:{'0' * 64} https://example.com/a .\n{COPY}")
    ],
    "copy-by-pattern": [(DOCKER, COPY, "COPY steps/add/*.py ./\nCOPY --from=x /a /b")],
    "locked": [
        (LOCK, "", f"six[x]==1.0 ; python_version > '3' \\\n    {HASH} \\\n    {HASH}\n"),
        ("steps/add/requirements.in", "", "# ours\nSix\n"),
    ],
    "wanted-elsewhere-only": [
        (LOCK, "", f"six==1.0 ; python_version > '3' \\\n    {HASH}\n"),
        ("steps/add/requirements.in", "", 'tomli; python_version < "3.10"\nsix ; python_version > "3"\n'),
    ],
    "locked-by-address": [
        (LOCK, "", f"six @ https://example.com/six.whl \\\n    {HASH}\n"),
        ("steps/add/requirements.in", "", "six @ https://example.com/six.whl\n"),
        ("steps/add/requirements.in", "", "https://example.com/six.whl\n"),
    ],
    "login-from-the-environment": [
        ("steps/add/requirements.in", "", "-i https://${USER}:${TOKEN}@example.com\n"
         "--extra-index-url https://${TOKEN}@example.com/packages/a@b\n"),
    ],
    "mark-at-the-start": [(SCRIPT, '"""Adds', '\ufeff"""Adds'), (ADD, "name:", "\ufeffname:")],
    "executor-input": [
        ("pipeline.py", "add_task.output", "add_task.outputs['output']"),
        (ADD, ARGS, "      --output, {executorInput: null},\n"),
        (ADD, INPUT, INPUT + "- {name: data, type: Dataset, optional: true}\n"),
        (ADD, OUTPUT, OUTPUT + "- {name: model, type: Model}\n"),
    ],
    "joined-value": [(ADD, ARGS, "      {concat: [--output=, {outputPath: Output}]},\n")],
    "literal-values": [
        (ADD, ARGS, f"{ARGS}      --rate, '-1', --mode=fast, -v, -v,\n"),
        (SCRIPT, FLAG, f'''    parser.add_argument("--rate", type=float)
    parser.add_argument("-m", "--mode", choices=["fast"])
    parser.add_argument("-v", action="count")
{FLAG}'''),
    ],
    "flags-that-only-a-run-would-tell": [
        (ADD, ARGS, ARGS + "      --rate, '1',\n"),
        (SCRIPT, FLAG, f"    parser.add_argument(FLAG)\n{FLAG}"),
    ],
    "flags-by-their-beginnings": [
        (ADD, "--context,", "--cont,"), (ADD, "--output,", "--out,"),
    ],
    "script-that-is-copied-from-a-folder": [
        (".dockerignore", "", "!steps/*/more/*.py\n"), (ADD, "main.py]", "/srv/app/sum.py]"),
        (DOCKER, ENTRYPOINT, ENTRYPOINT.replace("main.py", "/srv/app/sum.py")),
        (DOCKER, COPY, f"{COPY}\nCOPY steps/add/more/*.py /srv/app/"),
        ("steps/add/more/sum.py", "", "import argparse\nparser = argparse.ArgumentParser()\n"
         "parser.add_argument('--context')\nparser.add_argument('--output')\n"),
    ],
    "optional-input": [
        (ADD, INPUT, INPUT + "- {name: seed, type: Integer, optional: true}\n"),
        (ADD, ARGS, ARGS + "      {if: {cond: {isPresent: seed}, then: [--seed, {inputValue: seed}]}},\n"),
        (SCRIPT, FLAG, f'    parser.add_argument("--seed", type=int)\n{FLAG}'),
    ],
    "several-values": [
        (ADD, ARGS, ARGS + "      --cells, a, b, c,\n"),
        (SCRIPT, FLAG, f'    parser.add_argument("--cells", nargs="+")\n{FLAG}'),
    ],
    "by-place": [
        (ADD, "args: [\n", "args: [\n      fast,\n"),
        (SCRIPT, FLAG, f'    parser.add_argument("mode")\n{FLAG}'),
    ],
    "yes-or-no": [
        (ADD, ARGS, ARGS + "      --no-cache,\n"),
        (SCRIPT, FLAG, f'    parser.add_argument("--cache", action=BooleanOptionalAction)\n{FLAG}'),
    ],
    "flag-of-shared-code": [
        (ADD, ARGS, ARGS + "      --seed, '1',\n"),
        ("common/seed.py", "", 'def add(parser):\n    parser.add_argument("--seed", required=True)\n'),
        (SCRIPT, "import math\n", "import math\nimport common.seed\n"),
    ],
    "flag-of-a-module-beside": [
        (ADD, ARGS, ARGS + "      --seed, '1',\n"),
        ("common/seed.py", "", 'def add(parser):\n    parser.add_argument("--seed", required=True)\n'),
        ("common/context.py", "import os\n", "import os\nfrom . import seed\nfrom .seed import add\n"),
    ],
    "flags-of-functions-not-called": [
        ("common/cli.py", "", "def parse_args():\n    add_db()\n\ndef main():\n    parse_args()\n\n"
         'def add_db(parser):\n    parser.add_argument("--db", required=True)\n'),
        (SCRIPT, "import math\n", "import math\nfrom common.cli import add_db\n"),
        (SCRIPT, "import sys\n", "import sys\nfrom common.program import run\n"),
    ],
    "types": [
        (ADD, INPUT, INPUT + "- {name: t, type: 'List[str]', default: '[1]'}\n"
         "- {name: s, type: String, default: x}\n- {name: i, type: Integer, default: '3'}\n"
         "- {name: f, type: Float, default: 2}\n- {name: b, type: Boolean, default: 'no'}\n"
         "- {name: m, type: google.VertexModel, optional: true}\n"),
        (ADD, ARGS, ARGS + "      --all, {executorInput: null},\n"),
        (SCRIPT, FLAG, f'    parser.add_argument("--all")\n{FLAG}'),
    ],
    "final-status": [
        ("pipeline.py", "    add_task = add(context=context)", "    add_task = div(context=context)\n"
         "    with dsl.ExitHandler(add(context=context)):\n        div(context=context)"),
        (ADD, INPUT, INPUT + "- {name: status, type: PipelineTaskFinalStatus}\n"),
        (ADD, ARGS, ARGS + "      --all, {executorInput: null},\n"),
        (SCRIPT, FLAG, f'    parser.add_argument("--all")\n{FLAG}'),
    ],
    "artifacts": [
        ("pipeline.py", "add_task.output", "add_task.outputs['output']"),
        ("pipeline.py", "add(context=context)", "add(context=context, more=dsl.importer("
         "artifact_uri='gs://b/m', artifact_class=dsl.Model).output, data=dsl.importer("
         "artifact_uri='gs://b/d', artifact_class=dsl.Dataset).output)"),
        (ADD, INPUT, INPUT + "- {name: data, type: Dataset, default: x}\n"
         "- {name: more, type: Model}\n"),
        (ADD, OUTPUT, OUTPUT + "- {name: model, type: Model}\n- {name: page, type: HTML}\n"),
        (ADD, ARGS, ARGS + "      --data, {inputPath: data}, --more, {inputUri: more},\n"
         "      --model, {outputPath: model}, --page, {outputUri: page},\n"),
        (SCRIPT, FLAG, "".join(
            f'    parser.add_argument("--{name}")\n' for name in ("data", "more", "model", "page")
        ) + FLAG),
    ],
    "options-in-the-entrypoint": [
        (ADD, "[python, main.py]", "[python, -u, main.py, --fast]"),
        (DOCKER, ENTRYPOINT, 'ENTRYPOINT ["python", "-u", "main.py", "--fast"]'),
        (SCRIPT, FLAG, f'    parser.add_argument("--fast", action="store_true")\n{FLAG}'),
    ],
    "environment": [(ADD, "    args: [", "    env: {MODE: fast}\n    args: [")],
    "loaded-in-a-loop": [
        ("pipeline.py", LOAD, "loaded = {name: load_component_from_file(str(STEPS / name / "
         "'component.yaml')) for name in ['add']}\nadd = loaded['add']"),
    ],
    "loaded-in-another-module": [
        ("wired.py", "", f"from pipeline import STEPS, load_component_from_file\n{LOAD}\n"),
        ("pipeline.py", LOAD, "from wired import add"),
    ],
    "loaded-by-another-name": [
        ("pipeline.py", "import load_component_from_file", "import load_component_from_file as load"),
        ("pipeline.py", "add = load_component_from_file", "add = load"),
        ("pipeline.py", "div = load_component_from_file", "again = load\ndiv = again"),
    ],
    "a-component-of-others": [
        ("pipeline.py", "\n\n@dsl", 'other = load_component_from_file("vendor/x/component.yaml")'
         '\nmore = load_component_from_url("https://example.com/steps/y/component.yaml")\n\n\n@dsl'),
    ],
    "parameters-of-all-types": [
        ("pipeline.py", "from pathlib", "import typing\nfrom pathlib"),
        ("pipeline.py", "context: dict)", "context: dict, k: str, n: int = 1, r: typing.Optional[float] = None, "
         "names: list[str] = [], on: bool = True, t: typing.Optional[str] = None, x: list = [])"),
        ("params/dev.yaml", "", "n: 2\nr: 1e3\nnames: [a]\n\"on\": false\nt: text\nx: [1]\nk: v\n"),
    ],
    "no-parameters": [
        ("params/prod.yaml", "", "# nothing yet\n"),
        ("pipeline.py", "context: dict)", "context: dict = {})"),
    ],
    "pipeline-from-elsewhere": [
        ("pipeline.py", "def pipeline", "def average"), ("pipeline.py", "", "pipeline = average\n")
    ],
}  # fmt: skip


@pytest.mark.parametrize("edits", CLEAN.values(), ids=list(CLEAN))
def test_what_is_right_is_not_found(project: Path, edits: list[tuple[str, str, str]]) -> None:
    for path, old, new in edits:
        edit(project, path, old, new)
    assert report(contract(project)) == ""


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"steps": "add, div, round"},
        {"starter": "blank", "steps": "one"},
        {"starter": "blank", "steps": ", ".join(f"s{number}" for number in range(60))},
        {"registry": "ghcr.io/a/b", "base_image": "debian:12@sha256:" + "0" * 64, "ci": "gitlab"},
        {
            "project_name": 'é "quoted" \\ {{ x }}',
            "project_slug": "x",
            "description": "# $(x) `y` %",
        },
    ],
    ids=["default", "three", "one", "sixty", "elsewhere", "hostile"],
)
def test_a_fresh_project_is_clean(tmp_path: Path, answers: dict[str, str]) -> None:
    project = bake(tmp_path, **answers)
    assert report(check_project(project)) == ""
    assert make(project, "step", "NAME=Later on").returncode == 0
    assert report(check_project(project)) == ""


def test_a_fresh_project_whose_pipeline_is_no_chain_is_clean(tmp_path: Path) -> None:
    """And stays so when it gets a step, which is wired in, with a picture that shows it."""
    project = bake(tmp_path, starter="training")
    assert report(check_project(project)) == ""
    assert make(project, "step", "NAME=Later on").returncode == 0
    assert report(check_project(project)) == ""
    assert "later_on(" in (project / "pipeline.py").read_text(encoding="utf-8")
