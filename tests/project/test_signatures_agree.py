"""What is read of a step's text is what ``common/`` sees when the step runs."""

import importlib.util
import sys
import typing
from pathlib import Path

import pytest

from common.signature import REQUIRED, Port, ports_of
from kfp_workbench.project.components import FINAL_STATUS, OF_STATUS
from kfp_workbench.project.port_types import TYPES
from shared.signatures import BEYOND, FUNCTIONS, signature_of

KINDS = {kind: name for name, kind in TYPES.items() if name.islower()} | {OF_STATUS: FINAL_STATUS}


def kind_of(port: Port) -> str:
    if port.is_path:
        return "path"
    return str((typing.get_origin(port.kind) or port.kind).__name__)


@pytest.mark.parametrize("function", [*FUNCTIONS, *BEYOND])
def test_both_see_the_same(function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = signature_of(tmp_path, function)
    spec = importlib.util.spec_from_file_location("made", tmp_path / "steps" / "made" / "main.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "made", module)
    spec.loader.exec_module(module)
    theirs = ports_of(module.made.function)
    read = [
        (port.name, port.is_list, "path" if port.is_path else KINDS.get(port.type, port.type))
        for port in (*ours.inputs, *ours.outputs)
    ]
    assert sorted(read) == sorted((port.name, port.is_list, kind_of(port)) for port in theirs)
    for port in theirs:
        given = ours.input(port.name)
        if given and given.optional:
            assert port.default == given.default
        elif given:  # a person may leave out what is Optional, KFP may not
            assert port.default in (REQUIRED, None)
