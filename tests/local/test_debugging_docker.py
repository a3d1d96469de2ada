"""``make debug`` and ``make shell`` in a step's image."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.baking import make
from shared.debugged import PROMPT, make_project, talk

SHELL = ">>> "


@pytest.fixture(scope="module")
def project(client: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that ran in containers, the second iteration without success."""
    made = make_project(tmp_path_factory.mktemp("debugged"), "[2, 3]", registry="localhost:1/debug")
    script = made / "steps" / "fit" / "main.py"
    text = script.read_text().replace("    rows = Path", "    breakpoint()\n    rows = Path")
    # A lightweight component would install kfp in its container.
    pipeline = made / "pipeline.py"
    lines = pipeline.read_text().replace("    double(number", "    # double(number")
    once, each = "    measure(data", '        measure(data=prepared.outputs["data"], limit=depth)'
    lines = lines.replace(once, f"    # {once.strip()}").rstrip()
    pipeline.write_text(f"{lines}\n{each}\n")
    result = make(made, "local", "RUNNER=docker")
    assert "no such depth" in result.stderr, result.stderr
    script.write_text(text)
    return made


def test_a_breakpoint_in_a_container_stops_and_goes_on(project: Path, client: Any) -> None:
    """In an image with the code of now; the run's runner is this one's, too."""
    with talk(project, "debug", "STEP=fit", "ITERATION=0") as person:
        person.wait_for(PROMPT)
        path = person.ask("p args.data", PROMPT)
        assert path.startswith("'/minio/mlpipeline/v2/artifacts/")
        assert person.ask("p open('/app/main.py').name", PROMPT) == "'/app/main.py'"
        person.type("c")
        status, said = person.end()
    assert status == 0 and '{"score": 4}' in said
    assert not client.containers.list(all=True, filters={"label": "pipeline.task=fit"})


def test_a_container_stops_where_a_step_raises(project: Path) -> None:
    with talk(project, "debug", "STEP=fit", "ITERATION=1", "PDB=1", "RUNNER=docker") as person:
        assert "-> parser = argparse.ArgumentParser()" in person.wait_for(PROMPT)
        person.ask("c", PROMPT)  # to the breakpoint
        assert '-> raise ValueError("no such depth")' in person.ask("c", PROMPT)
        assert person.ask("p depth", PROMPT) == "3"
        person.type("q")
        status, said = person.end()
    assert status != 0 and "error: step fit failed with exit status 1" in said


def test_a_prompt_in_a_container_has_the_inputs(project: Path) -> None:
    with talk(project, "shell", "STEP=fit", "ITERATION=1", "RUNNER=docker") as person:
        person.wait_for(SHELL)
        assert person.ask("open(data.path).read(), depth", SHELL) == "('1\\n2\\n', 3.0)"
        person.type("exit()")
        assert person.end()[0] == 0


def test_a_typed_step_of_a_loop_stops_and_goes_on(project: Path) -> None:
    script = project / "steps" / "measure" / "main.py"
    text = script.read_text()
    script.write_text(text.replace("    rows = Path", "    breakpoint()\n    rows = Path"))
    try:
        with talk(project, "debug", "STEP=measure", "ITERATION=0") as person:
            assert "-> rows = Path(data.path).read_text().split()" in person.wait_for(PROMPT)
            path = person.ask("p data.path", PROMPT).strip("'")
            assert path.startswith("/minio/mlpipeline/v2/artifacts/") and path.endswith("/data")
            assert person.ask("p open(data.path).read(), limit", PROMPT) == "('1\\n2\\n', 2)"
            person.type("c")
            status, said = person.end()
    finally:
        script.write_text(text)
    (line,) = [line for line in said.splitlines() if line.startswith("{")]
    outputs = json.loads(line)
    assert status == 0 and outputs["Output"] == 2
    assert Path(outputs["kept"]).read_text() == "12"


def test_a_typed_step_that_raised_stops_there(project: Path) -> None:
    with talk(project, "debug", "STEP=measure", "ITERATION=1", "PDB=1") as person:
        assert "-> rows = Path(data.path).read_text().split()" in person.wait_for(PROMPT)
        said = person.ask("c", PROMPT)
        assert '-> raise InputError("limit: is larger than there are rows")' in said
        assert person.ask("p limit, len(rows)", PROMPT) == "(3, 2)"
        person.type("q")
        status, said = person.end()
    assert status != 0 and "measure: limit: is larger than there are rows" in said
    assert "error: step measure failed with exit status 2" in said


def test_a_prompt_has_a_typed_steps_arguments(project: Path) -> None:
    with talk(project, "shell", "STEP=measure", "ITERATION=0") as person:
        assert "their names: data, kept, limit. Ctrl-D" in person.wait_for(SHELL)
        assert person.ask("measure(data, kept, limit), type(data).__name__", SHELL) == (
            "(2, 'Dataset')"
        )
        person.type("exit()")
        assert person.end()[0] == 0
