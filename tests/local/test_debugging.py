"""``make debug`` and ``make shell``: one step alone, before somebody's terminal."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.baking import environment, make
from shared.debugged import PROMPT, make_project, talk

SHELL = ">>> "


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in which the second of three iterations has failed."""
    made = make_project(tmp_path_factory.mktemp("debugged"), "[2, 3, 4]")
    result = make(made, "local", "RUNNER=process")
    assert "no such depth" in result.stderr, result.stderr
    last = result.stderr.splitlines()
    assert last[-2 if last[-1].startswith("make") else -1] == (
        "to debug it: make debug STEP=fit ITERATION=1 PDB=1"
    )
    return made


@pytest.fixture
def script(project: Path) -> Iterator[Path]:
    """Return a step's script; it is put back."""
    path = project / "steps" / "fit" / "main.py"
    text = path.read_text()
    yield path
    path.write_text(text)


def debug(project: Path, *words: str) -> tuple[int, dict[str, object], str]:
    """Debug a step without a terminal; returns the status, what it made, and what was said."""
    result = make(project, "debug", *words)
    return result.returncode, json.loads(result.stdout or "{}"), result.stderr


def test_a_breakpoint_stops_and_goes_on(project: Path, script: Path) -> None:
    """In the code of now, with the inputs of then."""
    text = script.read_text().replace("    rows = Path", "    breakpoint()\n    rows = Path")
    script.write_text(text)
    with talk(project, "debug", "STEP=fit", "ITERATION=0") as person:
        person.wait_for(PROMPT)
        path = person.ask("p args.data", PROMPT).strip("'")
        assert path.endswith("/data") and Path(path).read_text() == "1\n2\n"
        assert person.ask("p args.depth", PROMPT) == "'2'"
        person.type("c")
        status, said = person.end()
    assert status == 0
    assert '{"score": 4}' in said.splitlines()
    assert any(line.startswith("outputs are below build/debug/2") for line in said.splitlines())


def test_pdb_stops_at_the_first_line_of_the_function(project: Path) -> None:
    with talk(project, "debug", "STEP=fit", "ITERATION=2", "PDB=1") as person:
        assert "-> parser = argparse.ArgumentParser()" in person.wait_for(PROMPT)
        person.type("c")
        assert person.end()[0] == 0


def test_pdb_stops_where_a_step_raises(project: Path) -> None:
    with talk(project, "debug", "STEP=fit", "ITERATION=1", "PDB=1") as person:
        person.wait_for(PROMPT)
        said = person.ask("c", PROMPT)
        assert said.count("ValueError: no such depth") == said.count("Traceback") == 1
        assert f'File "{project}/steps/fit/' in said and "/app/" not in said
        assert '-> raise ValueError("no such depth")' in said
        assert person.ask("p depth, rows", PROMPT) == "(3, ['1', '2'])"
        person.type("q")
        status, said = person.end()
    assert status != 0 and "error: step fit failed with exit status 1" in said
    assert "Traceback" not in said  # it was looked at


def test_pdb_can_be_left(project: Path) -> None:
    with talk(project, "debug", "STEP=fit", "ITERATION=0", "PDB=1") as person:
        person.wait_for(PROMPT)
        person.type("q")
        status, said = person.end()
    assert status != 0 and "Traceback" not in said
    assert "error: fit was left at its prompt: it has no outputs" in said


def test_what_a_module_raises_before_the_function_is_stopped_at_too(
    project: Path, script: Path
) -> None:
    script.write_text(script.read_text().replace("import argparse", "import argparse\n1 / 0", 1))
    with talk(project, "debug", "STEP=fit", "ITERATION=0", "PDB=1") as person:
        assert "ZeroDivisionError" in person.wait_for(PROMPT)
        person.type("q")
        assert person.end()[0] != 0


def test_a_typed_step_stops_with_its_arguments(project: Path) -> None:
    with talk(project, "debug", "STEP=measure", "PDB=1") as person:
        said = person.wait_for(PROMPT)
        assert "-> rows = Path(data.path).read_text().split()" in said
        # The step's own file, and not the copy that its process has.
        assert f"> {project}/steps/measure/main.py(" in said
        path = person.ask("p data.path", PROMPT).strip("'")
        assert Path(path).read_text() == "1\n2\n"
        assert person.ask("p limit", PROMPT) == "1"
        person.type("c")
        status, said = person.end()
    (line,) = [line for line in said.splitlines() if line.startswith("{")]
    outputs = json.loads(line)
    assert status == 0 and outputs["Output"] == 2
    assert Path(outputs["kept"]).read_text() == "1"


def test_a_typed_step_stops_where_it_refuses_an_input(project: Path) -> None:
    """Which its runtime makes a line of."""
    with talk(project, "debug", "STEP=measure", "PDB=1", "ARGS=-p limit=9") as person:
        person.wait_for(PROMPT)
        said = person.ask("c", PROMPT)
        assert '-> raise InputError("limit: is larger than there are rows")' in said
        assert person.ask("p len(rows)", PROMPT) == "2"
        person.type("q")
        status, said = person.end()
    assert status != 0 and "measure: limit: is larger than there are rows" in said
    assert "error: step measure failed with exit status 2" in said


def test_a_prompt_has_a_typed_steps_arguments(project: Path) -> None:
    with talk(project, "shell", "STEP=measure") as person:
        assert "their names: data, kept, limit. Ctrl-D" in person.wait_for(SHELL)
        assert person.ask("measure(data, kept, limit), type(data).__name__", SHELL) == (
            "(2, 'Dataset')"
        )
        assert "IPython" not in person.ask("1 / 0", SHELL), "what is typed wrongly is all there is"
        person.type("exit()")
        assert person.end()[0] == 0


def test_a_lightweight_component_is_debugged_too(project: Path) -> None:
    with talk(project, "debug", "STEP=double", "PDB=1") as person:
        assert "-> return 2 * number" in person.wait_for(PROMPT)
        assert person.ask("p number", PROMPT) == "4"
        assert person.ask("p open(data.path).read()", PROMPT) == "'1\\n2\\n'"
        person.type("c")
        status, said = person.end()
    assert status == 0 and '{"Output": 8}' in said.splitlines()


def test_a_prompt_has_a_functions_arguments(project: Path) -> None:
    with talk(project, "shell", "STEP=double") as person:
        assert "by their names: number, data. Ctrl-D leaves." in person.wait_for(SHELL)
        assert person.ask("type(data).__name__, double(number, data)", SHELL) == "('Dataset', 8)"
        person.type("exit()")
        assert person.end()[0] == 0


def test_a_prompt_has_the_inputs_of_a_script(project: Path) -> None:
    with talk(project, "shell", "STEP=fit", "ITERATION=1") as person:
        person.wait_for(SHELL)
        assert person.ask("open(data.path).read(), depth", SHELL) == "('1\\n2\\n', 3.0)"
        assert person.ask("fitted(['1'], 5)", SHELL) == "5"  # and what the script defines
        person.type("exit()")
        assert person.end()[0] == 0


def test_inputs_may_be_others(project: Path, tmp_path: Path) -> None:
    data = tmp_path / "mine.csv"
    data.write_text("1 2 3")
    words = ("STEP=fit", "ITERATION=0", f"ARGS=-p depth=5 -p data={data}")
    status, outputs, _ = debug(project, *words)
    assert (status, outputs) == (0, {"score": 15})


def test_a_step_that_was_not_begun_elsewhere_runs_without_a_terminal(project: Path) -> None:
    status, outputs, said = debug(project, "STEP=fit", "ITERATION=2")
    assert (status, outputs) == (0, {"score": 8})
    assert said.startswith("running fit, with the inputs of 2")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "STEP= is missing: make debug STEP=train"),
        (
            ["STEP=fit"],
            "'fit' stands for several tasks: STEP=fit ITERATION=0 (depth=2); "
            "STEP=fit ITERATION=1 (depth=3); STEP=fit ITERATION=2 (depth=4): give one of these",
        ),
        (["STEP=fit", "ITERATION=7"], "'fit' has no ITERATION=7: STEP=fit ITERATION=0"),
        (["STEP=fat"], "'fat' is no step that this run came to: it has prepare, double, "),
        (["STEP=fit", "RUN=x"], "RUN='x' is no run below build/local/"),
        (["STEP=fit", "PDB=yes"], "PDB='yes': write PDB=1, or leave it away"),
        (
            ["STEP=fit", "ITERATION=0", "ARGS=-p x=1"],
            "-p: fit has no input 'x': it has depth, data",
        ),
        (["STEP=fit", "ITERATION=0", "ARGS=-p depth"], "-p 'depth': write -p name=value"),
        (["STEP=fit", "ITERATION=0", "ARGS=-p depth=a"], "-p: depth: 'a' is not a whole number"),
        (["STEP=fit", "ITERATION=0", "ARGS=-p data=no"], "-p data: 'no' is not there"),
        (["STEP=fit", "ITERATION=1"], "step fit failed with exit status 1"),
    ],
)
def test_what_cannot_be_debugged_is_one_line(project: Path, words: list[str], said: str) -> None:
    status, outputs, told = debug(project, *words)
    assert status != 0 and not outputs
    (line,) = [line for line in told.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: {said}")


def test_another_run_is_debugged_by_its_name(project: Path) -> None:
    first = sorted((project / "build" / "local").iterdir())[0].name
    assert make(project, "local", "RUNNER=process", "ARGS=-p depths=[7]").returncode == 0
    try:
        assert debug(project, "STEP=fit", "ITERATION=0")[1] == {"score": 14}
        assert debug(project, "STEP=fit", "ITERATION=0", f"RUN={first}")[1] == {"score": 4}
    finally:
        shutil.rmtree(sorted((project / "build" / "local").iterdir())[-1])


def test_a_link_to_nothing_in_the_workspace_is_left_out(project: Path) -> None:
    latest = sorted((project / "build" / "local").iterdir())[-1]
    workspace = latest / "kfp-workspace"
    workspace.mkdir()
    (workspace / "kept").write_text("kept")
    (workspace / "link").symlink_to("nothing")
    status, made, said = debug(project, "STEP=fit", "ITERATION=0")
    assert (status, made) == (0, {"score": 4}), said
    (copy,) = sorted((project / "build" / "debug").iterdir())[-1].glob("kfp-workspace")
    assert [path.name for path in copy.iterdir()] == ["kept"]
    shutil.rmtree(workspace)


def test_a_large_input_is_the_one_that_it_was(project: Path, tmp_path: Path) -> None:
    made = make_project(tmp_path, "[2]")
    (made / "params" / "dev.yaml").write_text(f"depths: [2]\ntext: {'x' * 100_000}\n")
    assert make(made, "local", "RUNNER=process").returncode == 0
    assert "length 100000" in debug(made, "STEP=prepare")[2]


def test_a_secret_comes_from_where_the_run_had_it(project: Path, tmp_path: Path) -> None:
    made = make_project(tmp_path, "[2]")
    (made / "params" / "dev.yaml").write_text("depths: [2]\napi_token: ${TOKEN_HERE}\n")
    token = {"TOKEN_HERE": "s3cret-value"}
    assert make(made, "local", "RUNNER=process", env=token).returncode == 0
    kept = "".join(path.read_text() for path in (made / "build" / "local").rglob("run.json"))
    assert "s3cret" not in kept
    found = make(made, "debug", "STEP=prepare", env=token)
    assert found.returncode == 0 and "token s3cret-value" in found.stderr
    without = make(made, "debug", "STEP=prepare")
    assert without.returncode != 0
    said = "prepare: api_token is secret, and not in the record of that run: give it, ARGS="
    assert said in without.stderr


def test_vs_code_runs_the_step_from_its_launch_file(project: Path) -> None:
    """Which keeps what else is in it."""
    file = project / ".vscode" / "launch.json"
    file.parent.mkdir()
    file.write_text('{"version": "0.2.0", "configurations": [{"name": "mine"}]}')
    for _ in range(2):
        _, _, said = debug(project, "STEP=fit", "ITERATION=0", "VSCODE=1")
        name = "make debug STEP=fit ITERATION=0"
        assert f".vscode/launch.json: {name}, beside 1 of yours" in said
    mine, made = json.loads(file.read_text())["configurations"]
    assert mine == {"name": "mine"} and made["name"] == name
    folder = str(project)
    words = [made["python"], made["program"], *made["args"]]
    here = [word.replace("${workspaceFolder}", folder) for word in words]
    env = {name: value.replace("${workspaceFolder}", folder) for name, value in made["env"].items()}
    cwd = made["cwd"].replace("${workspaceFolder}", folder)
    assert subprocess.run(here, cwd=cwd, env=environment(env)).returncode == 0
    assert Path(made["args"][-1]).read_text() == "4"


def test_a_launch_file_with_comments_is_left_alone(project: Path) -> None:
    file = project / ".vscode" / "launch.json"
    kept = file.read_text() if file.exists() else ""
    file.parent.mkdir(exist_ok=True)
    file.write_text("// mine\n{}")
    status, _, said = debug(project, "STEP=fit", "ITERATION=0", "VSCODE=1")
    assert status != 0 and file.read_text() == "// mine\n{}"
    assert (
        'error: .vscode/launch.json is no plain JSON (it may have comments): add by hand: {"'
        in said
    )
    file.write_text(kept)


def test_no_secret_gets_into_a_launch_file(tmp_path: Path) -> None:
    made = make_project(tmp_path, "[2]")
    (made / "params" / "dev.yaml").write_text("depths: [2]\napi_token: ${TOKEN_HERE}\n")
    token = {"TOKEN_HERE": "s3cret-value"}
    assert make(made, "local", "RUNNER=process", env=token).returncode == 0
    result = make(made, "debug", "STEP=prepare", "VSCODE=1", env=token)
    assert result.returncode != 0 and not (made / ".vscode").exists()
    assert "a secret is among its inputs, and belongs into no file" in result.stderr
