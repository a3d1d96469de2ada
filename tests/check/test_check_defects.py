"""`make check`: every breach of the contract is found where it is."""

from pathlib import Path
from typing import NamedTuple

import pytest

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

IMAGE = "localhost:5000/calculate-average/add"
DEV = "context:\n  numbers: [1, 2, 3, 4]\n"
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
    "boolean-by-bool": Defect(
        SCRIPT, FLAG, f'    parser.add_argument("--fast", type=bool)\n{FLAG}',
        "type=bool", "any text for true",
    ),
    "number-among-args": Defect(ADD, ARGS, ARGS + "      --output, 3,\n", "3,", "no text"),
    "required-flag-of-shared-code": Defect(
        SCRIPT, "import math\n", "import common.program as shared\nshared.run()\n", "args: [",
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
        ADD, INPUT, INPUT.replace("JsonObject", "Json"), "{inputValue: context}",
        "'context' is an artifact, as KFP takes 'Json' for one: use inputPath, or give it",
    ),
    "type-with-a-slip": Defect(
        ADD, OUTPUT, OUTPUT.replace("JsonObject", "JsonObjet"), "JsonObjet", "artifact: write JsonObject"
    ),
    "type-that-is-none": Defect(
        ADD, OUTPUT, OUTPUT.replace("JsonObject", "[x]"), "type: [x]", "has the type ['x'], which is none"
    ),
    "type-in-an-object": Defect(
        ADD, OUTPUT, OUTPUT.replace("JsonObject", "{JsonObject: {}}"), "{JsonObject: {}}",
        "makes an artifact, and gives the step the path of a parameter: write JsonObject",
    ),
    "type-that-begins-like-a-parameter": Defect(
        ADD, OUTPUT, OUTPUT.replace("JsonObject", "Text file"), "Text file", "write Text, or begin it with"
    ),
    "final-status-of-a-step": Defect(
        ADD, OUTPUT, OUTPUT.replace("JsonObject", "PipelineTaskFinalStatus"), "Final", "is an input's"
    ),
    "no-type": Defect(
        ADD, INPUT, "- {name: context}\n", "{inputValue: context}", "artifact, as it has no type"
    ),
    "name-of-an-input": Defect(
        ADD, INPUT, INPUT + "- {name: 1st, type: String}\n", "1st", "'1st' to KFP, which takes no such"
    ),
    "default-as-a-list": Defect(
        ADD, INPUT, INPUT.replace("JsonObject", "JsonArray, default: [1]"), "default: [1]",
        "is a list, and kfp takes JSON as text only: write it in quotes, '[1]'",
    ),
    "default-as-an-object": Defect(
        ADD, INPUT, INPUT.replace("JsonObject", "JsonObject, default: {a: 1}"), "default: {a",
        """write it in quotes, '{"a": 1}'""",
    ),
    "default-as-a-date": Defect(
        ADD, INPUT, INPUT + "- {name: day, type: String, default: 2026-01-01}\n", "2026-01-01",
        "which YAML has as a date: put it in quotes",
    ),
    "default-that-is-not-finite": Defect(
        ADD, INPUT, INPUT + "- {name: r, type: Float, default: .nan}\n", ".nan", "which KFP cannot carry"
    ),
    "default-that-is-not-finite-as-text": Defect(
        ADD, INPUT, INPUT + "- {name: r, type: Float, default: 'inf'}\n", "'inf'", "'inf', not a number"
    ),
    "default-true-of-a-text": Defect(
        ADD, INPUT, INPUT + "- {name: r, type: String, default: yes}\n", "yes", "True, not text"
    ),
    "optional-by-a-text": Defect(
        ADD, INPUT, INPUT.replace("name: context", "name: context, optional: 'yes'"), "optional:",
        "optional is 'yes': write true or false",
    ),
    "version-as-a-number": Defect(ADD, "outputs:\n", "version: 1\noutputs:\n", "version", "version is 1"),
    "key-in-metadata": Defect(
        ADD, "outputs:\n", "metadata: {author: me}\noutputs:\n", "metadata",
        "metadata has the unknown key 'author': use one of annotations, labels",
    ),
    "number-in-metadata": Defect(
        ADD, "outputs:\n", "metadata:\n  labels: {a: 3}\noutputs:\n", "labels",
        "labels has 3 for 'a', which is no text",
    ),
    "number-in-the-environment": Defect(
        ADD, "    args: [", "    env:\n      A: x\n      RATE: 1.5\n    args: [", "RATE",
        "env has 1.5 for 'RATE', which is no text: put it in quotes",
    ),
    "placeholder-in-the-environment": Defect(
        ADD, "    args: [", "    env: {RATE: {inputValue: context}}\n    args: [", "RATE", "texts only there"
    ),
    "condition-of-v1": Defect(
        ADD, ARGS, ARGS + "      {if: {cond: {inputValue: context}, then: [--context, a]}},\n", "if:",
        "and KFP 2 knows isPresent only",
    ),
    "condition-that-is-true": Defect(
        ADD, ARGS, ARGS + "      {if: {cond: true, then: [--context, a]}},\n", "if:", "cond of an if is True"
    ),
    "condition-by-another-name": Defect(
        ADD, ARGS, ARGS + "      {if: {condition: {isPresent: context}, then: [--context, a]}},\n", "if:",
        "an if has the unknown key 'condition'",
    ),
    "if-without-then": Defect(
        ADD, ARGS, ARGS + "      {if: {cond: {isPresent: context}, else: [--context, a]}},\n", "if:", "no then"
    ),
    "placeholder-for-an-else": Defect(
        ADD, ARGS, ARGS + "      {if: {cond: {isPresent: context}, then: [--context], else: {inputValue: "
        "context}}},\n", "if:", "which kfp forgets to read: put it in a list",
    ),
    "number-in-a-concat": Defect(
        ADD, ARGS, ARGS + "      {concat: [--context=, 3]},\n", "concat", "args has 3, which is no text"
    ),
    "number-in-the-command": Defect(
        ADD, "[python, main.py]", "[python, main.py, 3]", "main.py, 3", "command has 3, which is no text"
    ),
    "two-placeholders-in-one": Defect(
        ADD, "{inputValue: context}", "{inputValue: context, inputPath: context}", "inputPath",
        "is not one placeholder",
    ),
    "no-placeholder-any-more": Defect(
        ADD, "{inputValue: context}", "{inputMetadata: context}", "inputMetadata", "is no placeholder"
    ),
    "unknown-input-in-the-command": Defect(
        ADD, "[python, main.py]", "[python, main.py, {inputValue: contxt}]", "contxt", "which is no input"
    ),
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
        "pipeline.py", 'STEPS / "div"', 'STEPS / "add"', "Written by", "pipeline.py does not use steps/div",
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
    "parameter-not-given": Defect(
        "params/prod.yaml", "", "# prod\n", "# prod", "does not give context, which has no default"
    ),
    "parameter-not-given-in-one-of-two": Defect(
        "pipeline.py", "context: dict)", "context: dict, *, rate: float, kind: str = 'x')", "#",
        "does not give rate", "params/dev.yaml",
    ),
    "params-broken": Defect("params/dev.yaml", "", "x: ]\n", "x: ]", "no valid YAML"),
    "parameter-no-text": Defect(
        "params/dev.yaml", "", "# why\non: 1\n", "on: 1", "reads this name as True"
    ),
    "params-no-mapping": Defect("params/dev.yaml", DEV, "- 1\n", "- 1", "no parameters by name"),
}  # fmt: skip


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
