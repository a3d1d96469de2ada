"""Every step, new ones too: `step`, `json_input`, `run_step` are fixtures of kfp_workbench.testing."""

from typing import Any

import pytest

NO_OBJECTS = {"malformed": "{", "list": "[1]", "not-a-number": '{"numbers": [NaN]}'}


def test_the_examples_hold(examples: Any, step: str, run_step: Any) -> None:
    """In docstrings; what transform() makes of a context there, the command line does too."""
    assert not examples.failures, examples.report
    for call in examples.calls:
        done = run_step(step, context=call.context)
        if call.error:
            assert call.error in done.refusal
        else:
            assert (done.status, done.outputs) == (0, {"Output": call.value}), done.stderr
            assert len(done.files) == 1, "the output and nothing else"


@pytest.mark.parametrize("text", NO_OBJECTS.values(), ids=NO_OBJECTS)
def test_what_is_no_object_is_refused(json_input: Any, text: str, run_step: Any) -> None:
    """With exit status 2 and no output, in one line that names the step and the input."""
    assert json_input.flag in run_step(json_input.step, **{json_input.name: text}).refusal


def test_missing_arguments_are_refused(json_input: Any, run_step: Any) -> None:
    assert json_input.flag in run_step(json_input.step, []).refusal
