"""``make debug`` and ``make shell`` in a step's image."""

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
    pipeline.write_text(pipeline.read_text().replace("    double(number", "    # double(number"))
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
