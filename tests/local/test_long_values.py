"""What is too long for an argument fails, as on a cluster: drivers and launchers are given all in one."""

from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import record
from kfp_workbench.local.execution import Run, Setting
from kfp_workbench.local.expansion import MAX_ARGUMENT
from shared.flows import Flow, Maker, constant, given, made, task

HALF = "x" * (MAX_ARGUMENT // 2)


def ran(documents: list[Any], folder: Path, **parameters: Any) -> dict[str, record.Task]:
    folder.mkdir()
    run = Run(documents, parameters, Setting(folder, Maker())).execute()
    return {found.path: found for found in run.tasks}


@pytest.mark.parametrize(("text", "is_well"), [(HALF, True), (HALF * 2, False)])
def test_a_constant(tmp_path: Path, text: str, is_well: bool) -> None:
    flow = Flow()
    say = flow.documents({"say": task(flow.container([]), {"text": constant(text)})})
    found = ran(say, tmp_path / "run")["say"]
    assert (found.state == "succeeded") is is_well
    assert (found.failed_in == "driver") is not is_well


def test_a_parameter(tmp_path: Path) -> None:
    flow = Flow()
    documents = flow.documents(
        {"say": task(flow.container([]), {"text": given("text")})}, {"text": "STRING"}
    )
    with pytest.raises(WorkbenchError, match="take more than 131072 bytes"):
        Run(documents, {"text": HALF * 2}, Setting(tmp_path, Maker()))


def test_an_output_of_which_two_make_an_argument_too_long(tmp_path: Path) -> None:
    flow = Flow()
    source, both = flow.container([]), flow.container([], ["one", "other"])
    documents = flow.documents(
        {
            "make": task(source, {"text": constant(HALF)}),
            "one": task(source, {"text": made("make")}),
            "both": task(both, {"one": made("make"), "other": made("one")}),
        }
    )
    found = ran(documents, tmp_path / "run")
    assert found["one"].state == "succeeded"
    assert found["both"].failed_in == "launcher"
    assert "takes more than the 131072 bytes of an argument" in found["both"].reason
