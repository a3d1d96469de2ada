"""`make check`: names that a lightweight component does not have when KFP runs it."""

from pathlib import Path

import pytest

from kfp_workbench.check import lightweight
from kfp_workbench.project.sources import Sources

HEAD = """\
import json
from typing import List, NamedTuple

from google.cloud import aiplatform
from kfp import dsl
from kfp.dsl import component

LIMIT = 3


class Pair(NamedTuple):
    a: int
    b: int


def helper(n: int) -> int:
    return n + LIMIT


"""
HAS = {
    "its-own-import": "@component\ndef f(n: int) -> str:\n    import json\n    return json.dumps(n)",
    "names-of-typing-and-kfp": "@component\ndef f(a: dsl.Input[dsl.Dataset], o: OutputPath(str)) -> List[Any]:\n    return [Model(uri=get_uri())]",
    "builtins": "@component\ndef f(n: int) -> int:\n    return max(n, len(__name__))",
    "what-it-binds": "@component\ndef f(n: int):\n    try:\n        m = [k for k in range(n)]\n    except ValueError as e:\n        print(e)\n    def helper():\n        nonlocal m\n        m = 1\n    helper()".replace(
        "E as", "ValueError as"
    ),
    "a-global-of-its-own": "@component\ndef f(n: int):\n    global json\n    import json\n    def g():\n        return json\n    g()",
    "itself": "@component\ndef f(n: int) -> int:\n    return f.__name__ and n",
    "an-artifact-of-others": "@component\ndef f(m: dsl.Output[aiplatform.Dataset]):\n    m = aiplatform.Dataset()",
    "functions-that-only-running-tells": "@component(additional_funcs=ALL)\ndef f(n: int) -> int:\n    return helper(n)",
    "no-component": "@dsl.pipeline\ndef f(n: int):\n    helper(n)",
    "a-container": "@dsl.container_component\ndef f(n: int):\n    return dsl.ContainerSpec(image=LIMIT)",
}
HAS_NOT = {
    "in-an-inner-function": ("@component\ndef f(n: int) -> str:\n    def g():\n        return json\n    return g()", "json"),
    "in-an-added-function": ("@component(additional_funcs=[helper])\ndef f(n: int) -> int:\n    return helper(n)", "LIMIT"),
    "a-class-of-named-tuples": ("@dsl.component()\ndef f(n: int) -> Pair:\n    return (n, n)", "Pair"),
    "in-a-loop-within": ("@component\ndef f(n: int) -> int:\n    return sum(LIMIT for _ in range(n))", "LIMIT"),
    "a-notebook's": ("@dsl.notebook_component(notebook_path='a')\ndef f(n: int):\n    dsl.run_notebook(n=json)", "json"),
    "nowhere": ("@component\ndef f(n: int) -> int:\n    return nowhere", "nowhere"),
}  # fmt: skip


def missing(folder: Path, text: str) -> list[str]:
    (folder / "pipeline.py").write_text(f"{HEAD}{text}\n", encoding="utf-8")
    found = lightweight.check_lightweight(Sources(folder))
    return [finding.what.split("'")[1] for finding in found]


@pytest.mark.parametrize("text", HAS.values(), ids=HAS)
def test_nothing_is_said_of_what_is_there(tmp_path: Path, text: str) -> None:
    assert missing(tmp_path, text) == []


@pytest.mark.parametrize(("text", "name"), HAS_NOT.values(), ids=HAS_NOT)
def test_what_is_not_there_is_named(tmp_path: Path, text: str, name: str) -> None:
    assert missing(tmp_path, text) == [name]


@pytest.mark.parametrize(
    ("annotation", "is_told"),
    [
        ("Optional[dsl.Input[dsl.Dataset]]", True),
        ("Optional[dsl.Model]", True),
        ("dsl.Input[dsl.Dataset]", False),
        ("Optional[dsl.Input[List[dsl.Dataset]]]", False),
        ("Optional[List[dsl.Dataset]]", False),
        ("Optional[str]", False),
    ],
)
def test_an_optional_artifact_is_named(tmp_path: Path, annotation: str, is_told: bool) -> None:
    head = "from typing import List, Optional\n\nfrom kfp import dsl\n\n\n"
    text = f"@dsl.component\ndef f(n: int, data: {annotation} = None):\n    print(data)\n"
    (tmp_path / "pipeline.py").write_text(head + text, encoding="utf-8")
    found = [finding.text for finding in lightweight.check_lightweight(Sources(tmp_path))]
    inner = annotation.removeprefix("Optional[")[:-1]
    what = "f takes data, an Optional artifact, and fails when it gets one"
    assert found == ([f"pipeline.py:7: {what}: write data: {inner} = None"] if is_told else [])


def test_a_component_has_what_kfp_brings() -> None:
    from kfp import dsl

    at_run_time = set(dsl.__all__[: dsl.__all__.index("run_notebook") + 1])
    assert at_run_time == lightweight.OF_KFP
