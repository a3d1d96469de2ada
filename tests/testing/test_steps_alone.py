"""One step by itself, in a test of a project: typed steps, steps of other languages, examples."""

import json
import re
import shutil
from pathlib import Path

import pytest

from shared.project_tests import run_tests
from shared.typed import VALUES, make_project

ALONE = f"""
import pytest

VALUES = {VALUES!r}


def test_chain(run_step):
    made = run_step("make", **VALUES)
    assert made.status == 0, made.stderr
    assert made.outputs["whole_out"] == 3 and made.outputs["object_out"] == VALUES["object"]
    assert made.outputs["dataset"].metadata == {{"rows": 2, "schema": {{"a": "int"}}}}
    assert made.outputs["dataset"].path.read_text().startswith("a\\n1")
    names = ("dataset", "model", "artifact", "metrics", "evaluation", "html", "markdown")
    read = run_step("read", **VALUES, **{{name: made.outputs[name] for name in names}})
    assert read.outputs["Output"]["model"]["content"] == ["00ff"], read.stderr


def test_wrong(run_step):
    assert "whole" in run_step("make", **{{**VALUES, "whole": "x"}}).refusal


def test_words(run_step):
    assert run_step("shell", words="a b").outputs == {{"Output": "a b"}}


def test_each(step):
    assert step != "shell"


@pytest.mark.parametrize("step,other", [("mine", 1)])
def test_own(step, other):
    assert step == "mine"


def test_file(run_step):
    # Seen from the project's folder, wherever pytest was started.
    assert run_step("cat", data="tests/small.csv").outputs["Output"] == "a,b"


def test_not_started(run_step):
    run_step("nowhere")


def test_failed(run_step):
    assert run_step("cat", data="tests/no.csv").outputs["Output"] == "a"


def test_unknown(run_step):
    run_step("nothing")


def test_unknown_input(run_step):
    run_step("cat", file="x")


def test_unknown_output(run_step):
    run_step("cat", data="tests/small.csv").outputs["output"]
"""
SHELL = {
    "name": "shell",
    "inputs": [{"name": "words", "type": "String"}],
    "outputs": [{"name": "Output", "type": "String"}],
    "implementation": {
        "container": {
            "image": "localhost:5000/typed/shell",
            "command": ["sh", "-c", 'mkdir -p "$(dirname "$1")"; printf %s "$0" > "$1"'],
            "args": [{"inputValue": "words"}, {"outputPath": "Output"}],
        }
    },
}


CAT = {
    "name": "cat",
    "inputs": [{"name": "data", "type": "Dataset"}],
    "outputs": [{"name": "Output", "type": "String"}],
    "implementation": {
        "container": {
            "image": "localhost:5000/typed/cat",
            "command": ["sh", "-ec", 'mkdir -p "$(dirname "$1")"; seq 1000 >&2; cat "$0" > "$1"'],
            "args": [{"inputPath": "data"}, {"outputPath": "Output"}],
        }
    },
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of typed steps, one of another language, and tests of each alone."""
    project = make_project(tmp_path_factory.mktemp("typed"))
    shutil.copytree(project / "steps" / "read", project / "steps" / "shell")
    (project / "steps" / "shell" / "main.py").unlink()
    (project / "steps" / "shell" / "component.yaml").write_text(json.dumps(SHELL))
    shutil.copytree(project / "steps" / "shell", project / "steps" / "cat")
    (project / "steps" / "cat" / "component.yaml").write_text(json.dumps(CAT))
    shutil.copytree(project / "steps" / "shell", project / "steps" / "nowhere")
    nowhere = json.dumps(SHELL).replace('["sh",', '["nosuch",')
    (project / "steps" / "nowhere" / "component.yaml").write_text(nowhere)
    (project / "tests" / "small.csv").write_text("a,b")
    (project / "tests" / "test_alone.py").write_text(ALONE, encoding="utf-8")
    return project


def test_a_step_runs_on_given_inputs(project: Path) -> None:
    result = run_tests(project, "tests/test_alone.py", "-k", "not (unknown or failed or started)")
    assert "7 passed" in result.stdout, result.stdout


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("unknown", "'nothing' is no step of this project: it has cat, make, nowhere, read, shell"),
        ("not_started", "nowhere cannot be started: No such file or directory: nosuch"),
        ("unknown_input", "file is no input of this step: it has data"),
        ("unknown_output", "Failed: the step made no output 'output': it made Output"),
    ],
)
def test_what_is_not_there_is_one_line(project: Path, test: str, said: str) -> None:
    result = run_tests(project, f"tests/test_alone.py::test_{test}")
    assert said in result.stdout and "1 failed" in result.stdout
    assert "Traceback" not in result.stdout and len(result.stdout.splitlines()) < 20


def test_a_step_that_failed_shows_what_it_said_last(project: Path) -> None:
    """And the line of the test that wanted its outputs, with nothing of the plugin's."""
    result = run_tests(project, "tests/test_alone.py::test_failed")
    assert re.search(r"^E +cat: .*no.csv: No such file or directory$", result.stdout, re.M)
    assert re.search("^E +1000$", result.stdout, re.M), result.stdout
    assert "cat failed with exit status 1:" in result.stdout
    assert "kfp_workbench" not in result.stdout and "E       900" not in result.stdout
    assert len(result.stdout.splitlines()) < 40


def test_examples_find_the_modules_beside_their_step(project: Path) -> None:
    (project / "steps" / "make" / "beside.py").write_text("ONE = 1\n")
    main = project / "steps" / "make" / "main.py"
    text = main.read_text(encoding="utf-8").replace(
        "from pathlib", "import beside\nfrom pathlib", 1
    )
    main.write_text(text.replace('"""', '""">>> beside.ONE\n2\n\n', 1), encoding="utf-8")
    result = run_tests(project, "tests/test_pipeline.py", "-k", "examples")
    assert re.search(r"Expected:\nE +2\nE +Got:\nE +1\n", result.stdout), result.stdout
