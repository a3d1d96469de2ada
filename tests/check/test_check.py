"""`make check`: every breach of the contract is found where it is, and nothing else."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from kfp_workbench.check import Finding, check_project, component
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import components, params, settings, steps
from shared.baking import bake, environment, make

IMAGE = "localhost:5000/calculate-average/add"
HASH = "--hash=sha256:" + "0" * 64
ADD = "steps/add/component.yaml"
SCRIPT = "steps/add/main.py"
DOCKER = "steps/add/Dockerfile"
LOCK = "steps/add/requirements.txt"
FLAG = '    parser.add_argument("--output"'
ARGS = "      --output, {outputPath: Output},\n"
INPUT = "- {name: context, type: JsonObject, description: What the steps so far have found}\n"
OUTPUT = "- {name: Output, type: JsonObject, description: The context with what this step adds}\n"
USER = "USER 65532:0"
ENTRYPOINT = 'ENTRYPOINT ["python", "main.py"]'
INSTALL = "RUN python -m pip install --no-cache-dir --root-user-action=ignore --require-hashes"
COPY = "COPY steps/add/*.py ./"
DEV = "context:\n  numbers: [1, 2, 3, 4]\n"
LOAD = 'add = load_component_from_file(str(STEPS / "add" / "component.yaml"))'
RUN_ADD = '    add_task = add(context=context)\n    add_task.set_display_name("Add")\n'


class Defect(NamedTuple):
    """An edit of a fresh project, and where it is found: in the line that holds ``at``."""

    path: str
    old: str  # "" for the end of the file
    new: str
    at: str
    words: str
    found_in: str = ""  # default: the file that was edited


DEFECTS: dict[str, Defect] = {
    # The script's flags against args.
    "unknown-flag": Defect(ADD, "--context,", "--contxt,", "--contxt", "'--contxt', which main.py"),
    "required-flag-not-given": Defect(
        SCRIPT, FLAG, f'    parser.add_argument("--seed", required=True)\n{FLAG}',
        "args: [", "needs --seed", ADD,
    ),
    "flag-given-twice": Defect(
        ADD, ARGS, ARGS + "      --context, {inputValue: context},\n",
        "--context, {inputValue: context}", "'--context' twice",
    ),
    "flag-without-value": Defect(
        ADD, "--context, {inputValue: context}", "--context", "--context,", "has no value"
    ),
    "last-flag-without-value": Defect(
        ADD, ARGS, ARGS + "      --output,\n", "      --output,\n", "'--output' has no value"
    ),
    "switch-with-value": Defect(
        SCRIPT, '"--context", type=json_object, required=True, help="JSON object"',
        '"--context", action="store_true"', "{inputValue: context}", "takes no value", ADD,
    ),
    "value-without-flag": Defect(
        ADD, "args: [\n", "args: [\n      stray,\n", "stray", "a value that no flag takes"
    ),
    "computed-flag": Defect(
        SCRIPT, FLAG, f"    parser.add_argument(FLAG)\n{FLAG}", "(FLAG)", "only running the script"
    ),
    "boolean-by-bool": Defect(
        SCRIPT, FLAG, f'    parser.add_argument("--fast", type=bool)\n{FLAG}',
        "type=bool", "any text for true",
    ),
    "number-among-args": Defect(ADD, ARGS, ARGS + "      --output, 3,\n", "3,", "no text"),
    "required-flag-of-shared-code": Defect(
        SCRIPT, "import math\n", "import common.step as shared\nshared.run()\n", "args: [",
        "needs --executor-input", ADD,
    ),
    "kfp-in-a-module-beside": Defect(
        "common/context.py", "import os\n", "from .step import Step\nimport kfp\n", "import kfp",
        "imports kfp",
    ),
    "kfp-in-a-step": Defect(SCRIPT, "import math\n", "import kfp.dsl\n", "kfp.dsl", "imports kfp"),
    "kfp-in-shared-code": Defect(
        "common/context.py", "import os\n", "from kfp import dsl\n", "from kfp", "imports kfp"
    ),
    "script-broken": Defect(SCRIPT, "import math\n", "import = 1\n", "import =", "no valid Python"),
    # component.yaml by itself.
    "yaml-broken": Defect(ADD, "outputs:\n", "outputs: [\n", "- {name: Output", "no valid YAML"),
    "key-twice": Defect(ADD, "outputs:\n", "name: x\noutputs:\n", "name: x", "twice"),
    "two-keys-for-one": Defect(
        ADD, "outputs:\n", "yes: 1\non: 2\noutputs:\n", "on: 2", "'yes' and 'on' are both True"
    ),
    "alias-of-itself": Defect(ADD, "    args: [", "    args: &a [*a,", "args:", "what it is in"),
    "text-that-is-no-time": Defect(
        ADD, "outputs:\n", "version: !!timestamp x\noutputs:\n", "version", "'x' is no timestamp"
    ),
    "nested-without-end": Defect(
        ADD, "    args: [", f"    env: {'[' * 3000 + ']' * 3000}\n    args: [", "env:", "too deeply"
    ),
    "no-container": Defect(ADD, "  container:", "  pod:", "name:", "no implementation.container"),
    "unknown-key": Defect(ADD, "outputs:\n", "ouputs:\n", "ouputs", "unknown key 'ouputs'"),
    "unknown-key-of-an-input": Defect(
        ADD, INPUT, INPUT.replace("description", "comment"), "comment:", "unknown key 'comment'"
    ),
    "unknown-key-of-the-container": Defect(
        ADD, "    command:", "    workdir: /app\n    command:", "workdir", "key 'workdir'"
    ),
    "inputs-no-list": Defect(ADD, INPUT, "  context: JsonObject\n", "inputs:", "no list of named"),
    "input-without-name": Defect(
        ADD, INPUT, "- {type: JsonObject}\n", "inputs:", "no list of named"
    ),
    "one-name-to-kfp": Defect(
        ADD, INPUT, INPUT + "- {name: Context, type: String}\n", "Context,", "are one name to KFP"
    ),
    "unknown-type": Defect(
        ADD, INPUT, INPUT.replace("JsonObject", "Json"), "type: Json,", "unknown type 'Json'"
    ),
    "unknown-type-of-an-output": Defect(
        ADD, OUTPUT, OUTPUT.replace("JsonObject", "system.Dataset"), "system.Dataset", "unknown type"
    ),
    "no-type": Defect(ADD, INPUT, "- {name: context}\n", "{name: context}", "has no type"),
    "default-of-another-type": Defect(
        ADD, INPUT, INPUT.replace("description:", "default: '[1]', description:"),
        "default: ", "not a JSON object",
    ),
    "default-no-number": Defect(
        ADD, INPUT, INPUT.replace("JsonObject, description:", "Integer, default: x, description:"),
        "default: x", "not a whole number",
    ),
    "default-yes-for-a-number": Defect(
        ADD, INPUT, INPUT.replace("JsonObject, description:", "Float, default: true, description:"),
        "default: true", "True, not a number",
    ),
    "input-not-used": Defect(
        ADD, INPUT, INPUT + "- {name: seed, type: Integer}\n", "name: seed", "hands over the input"
    ),
    "output-not-used": Defect(
        ADD, OUTPUT, OUTPUT + "- {name: total, type: Float}\n", "name: total", "over the output"
    ),
    "output-given-twice": Defect(
        ADD, ARGS, ARGS + "      --output, {outputPath: Output},\n",
        "--output, {outputPath: Output}", "'Output' is given twice",
    ),
    "unknown-input": Defect(
        ADD, "{inputValue: context}", "{inputValue: contxt}", "contxt", "which is no input"
    ),
    "unknown-output": Defect(
        ADD, "{outputPath: Output}", "{outputPath: Otput}", "Otput", "which is no output"
    ),
    "unknown-placeholder": Defect(
        ADD, "{inputValue: context}", "{inputvalue: context}", "inputvalue", "no placeholder"
    ),
    "unknown-input-below-if": Defect(
        ADD, ARGS, ARGS + "      {if: {cond: {isPresent: x}, then: [--context, a]}},\n",
        "isPresent: x", "which is no input",
    ),
    "artifact-by-value": Defect(
        ADD, INPUT, INPUT.replace("JsonObject", "Dataset"), "{inputValue: context}", "use inputPath"
    ),
    "parameter-by-path": Defect(
        ADD, "inputValue", "inputPath", "{inputPath: context}", "use inputValue"
    ),
    "parameter-by-uri": Defect(
        ADD, "outputPath", "outputUri", "{outputUri: Output}", "use outputPath"
    ),
    # The image, the command, the environment.
    "image-with-tag": Defect(ADD, f'{IMAGE}"', f'{IMAGE}:1.0"', "image:", "':1.0'"),
    "image-with-digest": Defect(
        ADD, f'{IMAGE}"', f'{IMAGE}@sha256:{"0" * 64}"', "image:", "leave it off"
    ),
    "image-elsewhere": Defect(
        ADD, IMAGE, "docker.io/somebody/add", "image:", "not this step's image"
    ),
    "image-of-another-step": Defect(
        ADD, f'{IMAGE}"', f'{IMAGE.replace("/add", "/div")}"', "image:", f"write {IMAGE}"
    ),
    "no-image": Defect(ADD, f'image: "{IMAGE}"', 'image: ""', "image:", "names no image"),
    "no-command": Defect(
        ADD, "    command: [python, main.py]\n", "", "container:", "has no command"
    ),
    "command-no-list": Defect(
        ADD, "command: [python, main.py]", "command: python main.py", "command:", "no list of"
    ),
    "command-without-its-script": Defect(
        ADD, "[python, main.py]", "[python, mian.py]", "mian.py", "'mian.py', which is not in"
    ),
    "command-not-the-entrypoint": Defect(
        ADD, "[python, main.py]", "[python3, main.py]", "python3", 'ENTRYPOINT ["python", "main.py"]'
    ),
    "args-no-list": Defect(
        ADD, f"args: [\n      --context, {{inputValue: context}},\n{ARGS}    ]", "args: --context",
        "args:", "args is no list",
    ),
    "secret-in-the-environment": Defect(
        ADD, "    args: [", "    env: {DB_PASSWORD: x}\n    args: [", "DB_PASSWORD", "anyone may"
    ),
    # The Dockerfile's policy.
    "base-untagged": Defect(DOCKER, ":3.12-slim", "", "FROM", "'python' has no tag"),
    "base-latest": Defect(DOCKER, ":3.12-slim", ":latest", "FROM", "moving target"),
    "base-by-argument": Defect(
        DOCKER, "FROM python:3.12-slim", "ARG BASE=python\nFROM $BASE", "FROM", "has no tag"
    ),
    "second-base-untagged": Defect(
        DOCKER, "WORKDIR /app", "WORKDIR /app\nFROM debian AS b\nFROM python:3.12-slim",
        "FROM debian", "'debian' has no tag",
    ),
    "no-base": Defect(DOCKER, "FROM python:3.12-slim\n", "", "# The image of", "has no FROM"),
    "no-user": Defect(DOCKER, USER, "", "FROM", "may be root"),
    "root": Defect(DOCKER, USER, "USER 0", "USER 0", "runs as root"),
    "root-at-the-end": Defect(DOCKER, ENTRYPOINT, f"USER root\n{ENTRYPOINT}", "USER root", "no number"),
    "named-user": Defect(DOCKER, USER, "USER app:app", "USER app", "'app' is no number"),
    "no-entrypoint": Defect(DOCKER, ENTRYPOINT, "", "FROM", "has no ENTRYPOINT"),
    "entrypoint-of-a-shell": Defect(
        DOCKER, ENTRYPOINT, "ENTRYPOINT python main.py", "ENTRYPOINT p", "a shell would run it"
    ),
    "install-without-hashes": Defect(
        DOCKER, "--require-hashes ", "", "RUN python", "takes what it finds"
    ),
    "second-install-without-hashes": Defect(
        DOCKER, "COPY common/", "RUN true && \\\n    pip3 install numpy\nCOPY common/",
        "RUN true", "'pip3 install numpy'",
    ),
    "copy-all": Defect(DOCKER, COPY, "COPY . .", "COPY . .", "takes all there is"),
    "copy-of-nothing": Defect(
        DOCKER, COPY, f"{COPY}\nCOPY steps/add/model.bin .", "model.bin", "is not there"
    ),
    "download": Defect(
        DOCKER, COPY, f"ADD https://example.com/a.whl .\n{COPY}", "ADD", "another file tomorrow"
    ),
    "secret-in-the-image": Defect(
        DOCKER, COPY, f"ENV A=1 API_KEY=abc\n{COPY}", "ENV A", "'API_KEY' stays in the image"
    ),
    "secret-as-argument": Defect(DOCKER, COPY, f"ARG GIT_TOKEN\n{COPY}", "ARG GIT", "GIT_TOKEN"),
    "secret-as-build-argument": Defect(
        "pyproject.toml", "\n[tool.pytest", '\n[tool.pipeline.build_args]\nPIP_TOKEN = "x"\n[tool.pytest',
        "PIP_TOKEN", "stays in the image",
    ),
    "dockerignore-admits-all": Defect(".dockerignore", "*\n!common", "!common", "!common", "admits"),
    "dockerignore-takes-it-back": Defect(".dockerignore", "", "!**\n", "!**\n", "admits everything"),
    "root-after-a-tab": Defect(DOCKER, USER, "USER\t0", "USER", "runs as root"),
    "root-in-quotes": Defect(DOCKER, USER, 'USER "0:0"', "USER", "runs as root"),
    "secret-after-a-tab": Defect(DOCKER, COPY, f"ENV\tAPI_TOKEN=a\n{COPY}", "ENV\t", "'API_TOKEN' stays"),
    "secret-in-the-old-form": Defect(DOCKER, COPY, f"ENV API_TOKEN a=b\n{COPY}", "ENV API", "'API_TOKEN'"),
    "secret-as-second-argument": Defect(DOCKER, COPY, f"ARG A B_TOKEN=x\n{COPY}", "ARG A B", "'B_TOKEN'"),
    "install-after-a-tab": Defect(
        DOCKER, COPY, f"RUN\tpip install numpy\n{COPY}", "RUN\t", "'pip install numpy' takes"
    ),
    "install-after-a-blank-line": Defect(
        DOCKER, COPY, f"RUN true && \\\n\n    pip install numpy\n{COPY}", "RUN true", "takes what it"
    ),
    "install-after-a-value": Defect(
        DOCKER, COPY, f"RUN pip -q --cache-dir /tmp install numpy\n{COPY}", "/tmp", "takes what it finds"
    ),
    "install-in-a-here-document": Defect(
        DOCKER, COPY, f"RUN <<-'E'\n\tpip install numpy\n\tE\n{COPY}", "RUN <<", "takes what it finds"
    ),
    "root-after-a-shift": Defect(
        DOCKER, USER, f'{USER}\nRUN python -c "print(1 <<4)"\nUSER 0', "USER 0", "runs as root"
    ),
    "root-after-a-here-string": Defect(
        DOCKER, USER, f'{USER}\nRUN ["bash", "-c", "cat <<E"]\nRUN cat <<< E\nUSER 0\nRUN true\nE',
        "USER 0", "runs as root",
    ),
    "root-after-an-unended-here-document": Defect(
        DOCKER, USER, f"{USER}\nRUN cat <<E\nUSER 0", "USER 0", "runs as root"
    ),
    "copy-of-all-steps": Defect(DOCKER, COPY, "COPY ./steps x/", "COPY ./steps", "takes all there is"),
    "copy-of-every-step": Defect(DOCKER, COPY, "COPY steps/* x/", "COPY steps/*", "takes all there is"),
    "copy-of-all-by-detour": Defect(
        DOCKER, COPY, "COPY ./common/../ all/", "COPY ./common", "takes all there is"
    ),
    "copy-of-the-project": Defect(
        DOCKER, COPY, f"{COPY}\nCOPY pyproject.toml .", "pyproject", "which the engine does not get"
    ),
    "copy-of-another-step": Defect(
        DOCKER, COPY, f"{COPY}\nCOPY steps/div/main.py other.py", "steps/div",
        "which the engine does not get: put it below steps/add/ or common/, and admit it in .dockerignore",
    ),
    "copy-of-what-is-not-admitted": Defect(
        DOCKER, COPY, f"{COPY}\nCOPY /steps/add/component.yaml c.yaml", "c.yaml", "the engine does not get"
    ),
    "copy-by-pattern-of-what-is-not-admitted": Defect(
        DOCKER, COPY, f"{COPY}\nCOPY steps/add/*.yaml ./", "*.yaml", "the engine does not get"
    ),
    "copy-of-a-folder-that-is-not-admitted": Defect(
        DOCKER, COPY, f"{COPY}\nCOPY params params", "params", "the engine does not get"
    ),
    "dockerignore-no-pattern": Defect(".dockerignore", "", "!a[\n", "!a[", "'!a[' is no pattern"),
    # Dependencies.
    "not-locked-by-address": Defect(
        LOCK, "", "x @ git+https://a:b@example.com/x\n", "x @",
        "'x @ git+https://example.com/x' is not locked with a hash, and cannot be",
    ),
    "wanted-by-address": Defect(
        "steps/add/requirements.in", "", "git+https://example.com/x\n", "git+", "and cannot be: publish"
    ),
    "wanted-by-name-and-address": Defect(
        "steps/add/requirements.in", "", "x[y] @ git+ssh://git@example.com/x\n", "x[y]", "and cannot be"
    ),
    "wanted-by-path": Defect("steps/add/requirements.in", "", "# x\n-e ../x\n", "-e", "and cannot be"),
    "archive-not-locked": Defect(
        LOCK, "", "x @ https://example.com/x.zip\n", "x @", "list it in requirements.in, then make lock"
    ),
    "archive-wanted": Defect(
        "steps/add/requirements.in",
        "",
        "six @ https://a:b@example.com/x.zip ; python_version > '3'\nhttps://example.com/x.zip\n",
        "https://example",
        "'https://example.com/x.zip' is not in requirements.txt",
    ),
    "wanted-with-a-comment": Defect(
        "steps/add/requirements.in", "", "six  # see a; b\n", "six", "'six' is not in requirements.txt"
    ),
    "login-of-an-index": Defect(
        LOCK, "", "--extra-index-url https://user:secret@example.com/simple\n", "--extra",
        "the address of 'example.com' holds a login",
    ),
    "login-in-a-comment": Defect(
        "steps/add/requirements.in", "", "six; python_version < '3'\n# -i http://ghp@example.com\n",
        "# -i", "holds a login",
    ),
    "lock-with-a-mark": Defect(LOCK, "# What", "\ufeffnumpy==1.0\n# What", "numpy", "is not locked"),
    "not-locked": Defect(LOCK, "", "numpy==1.0\n", "numpy", "'numpy==1.0' is not locked"),
    "one-not-locked": Defect(
        LOCK, "", f"six==1.0 \\\n    {HASH}\nnumpy==1.0\n", "numpy", "'numpy==1.0' is not locked"
    ),
    "editable": Defect(LOCK, "", "-e .\n", "-e", "'-e .' is not locked"),
    "lock-behind": Defect(
        "steps/add/requirements.in", "", "# ours\nSix>=1\n", "Six", "'Six' is not in requirements.txt"
    ),
    # The pipeline and its parameters.
    "step-not-called": Defect(
        "pipeline.py", RUN_ADD + "    div_task = div(context=add_task.output)",
        "    div_task = div(context=context)", LOAD, "the step add is loaded and not used",
    ),
    "step-not-loaded": Defect(
        "pipeline.py", 'STEPS / "div"', 'STEPS / "add"', "name:", "pipeline.py does not use steps/div",
        "steps/div/component.yaml",
    ),
    "component-not-there": Defect(
        "pipeline.py", "\n\n@dsl", LOAD.replace("add", "mul") + "\n\n\n@dsl", "mul", "loads steps/mul/"
    ),
    "pipeline-broken": Defect("pipeline.py", "def pipeline", "def 1", "def 1", "no valid Python"),
    "pipeline-by-another-name": Defect(
        "pipeline.py", "def pipeline", "def average", '"""The pipeline', "no function"
    ),
    "unknown-parameter": Defect(
        "params/dev.yaml", "", "conext: {}\n", "conext", "no parameter 'conext'"
    ),
    "unknown-parameter-elsewhere": Defect(
        "params/prod.yaml", "", "# prod\nfoo: 1\n", "foo", "no parameter 'foo'"
    ),
    "parameter-of-another-type": Defect(
        "params/dev.yaml", DEV, "context: [1]\n", "context", "[1] is a list, not a JSON object"
    ),
    "parameter-no-json": Defect(
        "params/dev.yaml", "[1, 2, 3, 4]", "[1, 2026-01-01]", "2026", "numbers[1]"
    ),
    "parameter-of-itself": Defect(
        "params/dev.yaml", DEV, "context: &a {x: *a}\n", "context", "stands for what it is in"
    ),
    "parameters-without-end": Defect(
        "params/dev.yaml", DEV, f"context: {'[' * 100_000}\n", "context", "nested too deeply"
    ),
    "parameters-of-one-name": Defect(
        "params/dev.yaml", "", "1: 1\n0x1: 2\n", "0x1", "the keys '1' and '0x1' are both 1"
    ),
    "number-without-end": Defect(
        "params/dev.yaml", DEV, f"context: 0x{'f' * 9000}\n", "context", "the number has 36000 bits"
    ),
    "params-broken": Defect("params/dev.yaml", "", "x: ]\n", "x: ]", "no valid YAML"),
    "parameter-no-text": Defect(
        "params/dev.yaml", "", "# why\non: 1\n", "on: 1", "reads this name as True"
    ),
    "params-no-mapping": Defect("params/dev.yaml", DEV, "- 1\n", "- 1", "no parameters by name"),
}  # fmt: skip

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
        (ADD, ARGS, "      --output, {executorInput: null},\n"),
        (ADD, INPUT, INPUT + "- {name: data, type: Dataset}\n"),
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
        (SCRIPT, "import sys\n", "import sys\nfrom common.step import Step\n"),
    ],
    "types": [
        (ADD, INPUT, INPUT + "- {name: t, type: 'List[str]', default: '[1]'}\n"
         "- {name: s, type: String, default: x}\n- {name: i, type: Integer, default: '3'}\n"
         "- {name: f, type: Float, default: 2}\n- {name: b, type: Boolean, default: 'no'}\n"
         "- {name: m, type: google.VertexModel}\n- {name: status, type: PipelineTaskFinalStatus}\n"),
        (ADD, ARGS, ARGS + "      --all, {executorInput: null},\n"),
        (SCRIPT, FLAG, f'    parser.add_argument("--all")\n{FLAG}'),
    ],
    "artifacts": [
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
    "a-component-of-others": [
        ("pipeline.py", "\n\n@dsl", 'other = load_component_from_file("vendor/x/component.yaml")'
         '\nmore = load_component_from_url("https://example.com/steps/y/component.yaml")\n\n\n@dsl'),
    ],
    "parameters-of-all-types": [
        ("pipeline.py", "context: dict)", "context: dict, n: int = 1, r: float | None = None, "
         "names: list[str] = [], on: 'bool' = True, t: typing.Optional[str] = None, x=None, *, k: str)"),
        ("params/dev.yaml", "", "n: 2\nr: 1e3\nnames: [a]\n\"on\": false\nt: text\nx: [1]\nk: v\n"),
    ],
    "no-parameters": [("params/prod.yaml", "", "# nothing yet\n")],
    "pipeline-from-elsewhere": [
        ("pipeline.py", "def pipeline", "def average"), ("pipeline.py", "", "pipeline = average\n")
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that each test edits and puts back."""
    return bake(tmp_path_factory.mktemp("check"))


def edit(project: Path, path: str, old: str, new: str) -> None:
    file = project / path
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    file.parent.mkdir(exist_ok=True)
    assert old in text, "the edit does not fit the project"
    file.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Path:
    """Return a copy of the project."""
    folder = tmp_path / "project"
    subprocess.run(["cp", "-R", original, folder], check=True)
    return folder


def contract(project: Path) -> list[Finding]:
    """Return what is found, but not that the edit made the picture old (test_graph)."""
    return [finding for finding in check_project(project) if not finding.path.startswith("docs/")]


def report(findings: list[Finding]) -> str:
    return "\n".join(finding.text for finding in findings)


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=list(DEFECTS))
def test_a_defect_is_found_where_it_is(project: Path, defect: Defect) -> None:
    edit(project, defect.path, defect.old, defect.new)
    path = defect.found_in or defect.path
    lines = (project / path).read_text(encoding="utf-8").splitlines()
    places = [number for number, line in enumerate(lines, 1) if defect.at.strip() in line]
    found = contract(project)
    matching = [finding for finding in found if defect.words in finding.text]
    assert len(matching) == 1, report(found)
    (finding,) = matching
    assert finding.path == path and finding.line in (places[0], places[-1]), finding.text
    assert finding.what and finding.cure and finding.text.isprintable()
    assert len(found) <= 3, report(found)


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
    """Until it gets a step, which its pipeline does not run yet."""
    project = bake(tmp_path, starter="training")
    assert report(check_project(project)) == ""
    assert make(project, "step", "NAME=Later on").returncode == 0
    picture, finding = check_project(project)
    assert picture.path == "docs/pipeline.svg" and "later_on" in finding.text


@pytest.mark.parametrize("name", ["main.py", "requirements.txt", "Dockerfile", "component.yaml"])
def test_a_missing_file_is_found(project: Path, name: str) -> None:
    (project / "steps" / "div" / name).unlink()
    (finding,) = [finding for finding in check_project(project) if finding.what == "is missing"]
    assert finding.path == f"steps/div/{name}"


def test_a_folder_that_no_step_can_have_is_found(project: Path) -> None:
    (project / "steps" / "div").rename(project / "steps" / "Div it")
    found = check_project(project)
    assert any("the step 'Div it' is not a valid name" in finding.text for finding in found)
    assert any("loads steps/div/component.yaml, which is not" in finding.text for finding in found)


ODD: list[Any] = [
    None,
    3,
    True,
    "",
    "x",
    [],
    [[]],
    [None, 3],
    {},
    {3: []},
    {"name": []},
    {"a": {"b": 1}},
]


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the place of every part of a document."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
    return [above, *(place for key, item in items for place in places(item, (*above, key)))]


def test_no_component_is_too_odd(project: Path) -> None:
    """Each part of it replaced by each of many things, and left out: always findings, no crash."""
    text = (project / ADD).read_text(encoding="utf-8")
    for place in places(yaml.safe_load(text)):
        for odd in ODD:
            document = [yaml.safe_load(text)]
            parent: Any = document
            for key, child in zip((0, *place), (*place, None), strict=True):
                if child is None:
                    parent[key] = odd
                parent = parent[key]
            (project / ADD).write_text(yaml.safe_dump(document[0]), encoding="utf-8")
            for finding in check_project(project):
                assert finding.text.isprintable()


@pytest.mark.parametrize("ends", ["\r\n", "\n\n"])
def test_line_ends_do_not_matter(project: Path, ends: str) -> None:
    for path in (ADD, SCRIPT, DOCKER, LOCK, "pipeline.py", "params/dev.yaml", ".dockerignore"):
        text = (project / path).read_text(encoding="utf-8")
        (project / path).write_text(text.replace("\n", ends), encoding="utf-8", newline="")
    assert report(check_project(project)) == ""


ODD_LINES = ["", "\\", "FROM", "RUN", "COPY", "COPY x", "ADD [", "USER", "ENTRYPOINT", "ENV", "ARG"]
ODD_LINES += [
    "ENV =",
    "RUN ['",
    "ENTRYPOINT [1]",
    "COPY 'a b",
    "RUN <<E",
    "FROM a AS",
    "\x00",
    "ONBUILD",
]


def test_no_dockerfile_is_too_odd(project: Path) -> None:
    lines = (project / DOCKER).read_text(encoding="utf-8").splitlines()
    for number in range(len(lines)):
        for odd in ODD_LINES:
            changed = [*lines[:number], odd, *lines[number + 1 :]]
            (project / DOCKER).write_text("\n".join(changed), encoding="utf-8")
            for finding in check_project(project):
                assert finding.text.isprintable()


def test_without_a_pipeline(project: Path) -> None:
    (project / "pipeline.py").unlink()
    (finding,) = check_project(project)
    assert finding.text == "pipeline.py:1: is missing: put it back"


def test_without_a_dockerignore(project: Path) -> None:
    (project / ".dockerignore").unlink()
    (finding,) = check_project(project)
    assert finding.path == ".dockerignore" and "secrets" in finding.what


def test_a_file_that_is_no_text(project: Path) -> None:
    (project / SCRIPT).write_bytes(b"\xff\xfe")
    (finding,) = check_project(project)
    assert finding.path == SCRIPT and "not UTF-8" in finding.what


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


@pytest.mark.parametrize("way", ["click.option", "Option"])
def test_flags_that_no_argparse_reads_are_one_finding(project: Path, way: str) -> None:
    text = (project / SCRIPT).read_text(encoding="utf-8")
    (project / SCRIPT).write_text(text.replace("parser.add_argument", way), encoding="utf-8")
    (finding,) = check_project(project)
    assert finding.path == SCRIPT and "no add_argument call" in finding.what
    assert "argparse" in finding.cure


def test_a_step_that_reads_its_executor_input(project: Path) -> None:
    edit(
        project,
        ADD,
        f"      --context, {{inputValue: context}},\n{ARGS}",
        "      --executor-input, {executorInput: null},\n",
    )
    code = "from common.step import run\nrun('add', print)\n"
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


def test_aliases_and_merged_keys_are_fine(project: Path) -> None:
    text = "context: &c\n  of: &o {a: 1, b: [1]}\n  more: {<<: *o, a: 2}\n  last: [*o, *o]\n"
    (project / "params" / "dev.yaml").write_text(f"{text}<<: {{x: *c}}\n")
    (finding,) = check_project(project)
    assert finding.text.startswith("params/dev.yaml:5: the pipeline has no parameter 'x'")


@pytest.mark.parametrize(
    "code",
    [
        "x = " + "-" * 5000 + "1",
        "x = " + "(" * 3000 + ")" * 3000,
        "x = " + "+".join(["1"] * 100_000),
    ],
    ids=["minus", "brackets", "sum"],
)
@pytest.mark.parametrize("path", [SCRIPT, "pipeline.py"])
def test_python_that_is_nested_too_deeply_is_found(project: Path, path: str, code: str) -> None:
    edit(project, path, "", f"\n{code}\n")
    (finding,) = check_project(project)
    assert finding.path == path and "nested" in finding.what


def test_an_annotation_of_many_types(project: Path) -> None:
    edit(project, "pipeline.py", "context: dict)", f"context: {'None | ' * 900}dict)")
    assert [finding.path for finding in check_project(project)] == ["docs/pipeline.svg"]


@pytest.mark.parametrize(
    "path",
    [SCRIPT, ADD, DOCKER, LOCK, "steps/add/requirements.in", "params/dev.yaml", ".dockerignore"],
)
def test_a_pipe_is_no_file(project: Path, path: str) -> None:
    (project / path).unlink(missing_ok=True)
    os.mkfifo(project / path)
    os.mkfifo(project / "steps" / "add" / "other")
    found = [finding for finding in check_project(project) if finding.what == "is no file"]
    assert [finding.path for finding in found] == [path]


def test_a_name_that_is_no_utf8(project: Path) -> None:
    odd = os.fsdecode(b"steps/add/\xff.py")
    (project / odd).symlink_to("/nowhere")
    (finding,) = check_project(project)
    assert finding.path == odd and "which the engine does not get" in finding.what
    finding.annotation.encode()
    finding.text.encode()


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
    assert set(type_utils.ARTIFACT_CLASSES_MAPPING) == component.ARTIFACTS


def test_the_command(project: Path) -> None:
    clean = make(project, "check")
    assert clean.returncode == 0 and clean.stdout == ""
    assert clean.stderr == "the contract holds\n"
    edit(project, DOCKER, USER, "USER 0")
    edit(project, ADD, "--context,", "--contxt,")
    result = make(project, "check")
    assert result.returncode == 2  # make's own, for a command that failed
    assert [line.split(": ")[0] for line in result.stdout.splitlines()] == [
        f"{DOCKER}:17", f"{ADD}:12", f"{ADD}:13"
    ]  # fmt: skip
    assert "error: 3 findings, see above\n" in result.stderr


def test_annotations_for_github(project: Path) -> None:
    edit(project, DOCKER, USER, "USER 0")
    result = make(project, "check", "ARGS=--format=github")
    assert result.stdout == (
        f"::error file={DOCKER},line=17,title=make check::"
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
