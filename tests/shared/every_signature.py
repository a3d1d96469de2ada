"""A project in which each of the typed functions is a step, and is called in all its ways."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.project import component_files, signatures
from kfp_workbench.project.component_text import name_in_pipeline
from kfp_workbench.project.signatures import Port, Signature
from shared.baking import bake
from shared.signatures import BEYOND, FUNCTIONS

# An exit task takes artifacts from the block around it alone, and of a list KFP hands on one there.
NOT_RUN = "(status: PipelineTaskFinalStatus, models: Input[List[Model]]) -> str"
RUN = [text for text in [*FUNCTIONS, *BEYOND] if text != NOT_RUN]
STEPS = {f"f{number:02}": text for number, text in enumerate(RUN)}
NUMBERS = (1, 2)  # of the loop that makes what lists of artifacts hold
TELLING = '''\
"""Has every output of a step tell what the step was given."""

import json
import tempfile
import zlib
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from common import signature
from common.dsl import FIGURES, Artifact, ClassificationMetrics, Metrics


def told(step: Any, given: Any) -> Any:
    """Write what a step was given to all its outputs; returns what the step is to return."""
    ports = signature.ports_of(step.function)
    found = {port.name: _seen(given[port.name], port.kind) for port in ports if port.way == "input"}
    seen = json.dumps(found, sort_keys=True)  # KFP may change the order
    print(f"seen {seen}")
    hints = get_type_hints(step.function)
    for port in ports:
        if port.way == "output":
            _write(given[port.name], getattr(hints[port.name], "type", None), seen)
    values = [_value(port.kind, seen) for port in ports if port.way == "returned"]
    result = hints.get("return")
    return result(*values) if hasattr(result, "_fields") else values[0] if values else None


def _seen(value: Any, kind: Any = None) -> Any:
    if kind is float:
        return float(value)  # a default may be written 7
    if isinstance(value, list):
        return [_seen(item) for item in value]
    if isinstance(value, Artifact):
        content = "" if isinstance(value, FIGURES) else Path(value.path).read_text()
        return [type(value).__name__, content, value.metadata]
    if isinstance(value, str) and value.startswith("/"):
        return Path(value).read_text()
    return value.state if hasattr(value, "state") else value


def _write(output: Any, kind: Any, seen: str) -> None:
    number = zlib.crc32(seen.encode())
    if isinstance(output, ClassificationMetrics):
        output.log_confusion_matrix(["no", "yes"], [[number, 0], [1, 2]])
    elif isinstance(output, Metrics):
        output.log_metric("number", number)
    elif isinstance(output, FIGURES):
        output.log_roc_reading("all", 0.5, 1, number / 2**32)
    elif isinstance(output, Artifact):
        Path(output.path).write_text(seen)
        output.metadata["number"] = number
    else:
        is_value = kind in (int, float, bool, dict) or get_origin(kind) is list
        value = _value(kind, seen) if is_value else seen
        Path(output).write_text(value if isinstance(value, str) else json.dumps(value))


def _value(kind: Any, seen: str) -> Any:
    """Return a value of a type that is another one for whatever else was seen."""
    number = zlib.crc32(seen.encode())
    outer, inner = get_origin(kind) or kind, (*get_args(kind), Any)
    if outer is list:
        return [_value(inner[0], seen)]
    if outer is dict:
        return {"seen": _value(inner[1 if inner[0] is str else 0], seen)}
    if isinstance(outer, type) and issubclass(outer, Artifact):
        path = Path(tempfile.mkdtemp(), "made")
        path.write_text(seen)
        return kind("made", str(path), {"number": number})
    of_number = {int: number, float: number / 2, bool: bool(number % 2)}
    return of_number.get(outer, seen)
'''
MAKE = '''\
"""Makes an artifact of each type."""

from pathlib import Path

from common.step import HTML, Artifact, Dataset, Markdown, Metrics, Model, Output, step


@step
def make(
    number: int,
    dataset: Output[Dataset],
    model: Output[Model],
    artifact: Output[Artifact],
    html: Output[HTML],
    markdown: Output[Markdown],
    metrics: Output[Metrics],
) -> None:
    for made in (dataset, model, artifact, html, markdown):
        Path(made.path).write_text(f"{made.name} {number}")
        made.metadata = {"number": number, "of": ["é", 0.5, True], "more": {"a": number}}
    metrics.log_metric("number", number)


if __name__ == "__main__":
    make.main()
'''
STEP = '''\
"""A step of one of the signatures that KFP documents."""

from typing import *

from common.step import *
from common.telling import told


@step
def {name}{function}:
    {result}told({name}, {{{given}}})


if __name__ == "__main__":
    {name}.main()
'''
HEAD = '''\
"""Calls each step with all that it takes, and with as little as it needs."""

from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"

'''
PIPELINE = """
@dsl.pipeline(name="every-signature")
def pipeline():
    made = make(number=0)
    with dsl.ParallelFor({numbers}) as number:
        each = make(number=number)
{calls}"""
LOAD = '{name} = load_component_from_file(str(STEPS / "{name}" / "component.yaml"))\n'
VALUES = {
    "str": "größer \"a\" 'b' $c\n{d} # e", "int": 3, "float": 2.0, "bool": True,
    "list": [1, "a", [True]], "List": [1], "dict": {"k": {"$": [0.5]}}, "Any": [{"x": 1}],
}  # fmt: skip
# All but the last layer is the same in all images, so that each takes half a second.
DOCKERFILE = """\
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /app
COPY common/ common/
USER 65532:0
ENTRYPOINT ["python", "main.py"]
COPY steps/{name}/*.py ./
"""


class Call(NamedTuple):
    """A call of a step: with which of its inputs, and by what name its task has in the run."""

    task: str
    signature: Signature
    given: dict[str, Any]  # values; of an artifact its port


def make_project(folder: Path, **answers: str) -> tuple[Path, list[Call]]:
    """Return a project, and the calls of its steps."""
    project = bake(folder, starter="blank", steps=", ".join(["make", *STEPS]), **answers)
    (project / "common" / "telling.py").write_text(TELLING, encoding="utf-8")
    scripts = {"make": MAKE, **{name: _script(name) for name in STEPS}}
    for name, text in scripts.items():
        step = project / "steps" / name
        (step / "main.py").write_text(text, encoding="utf-8")
        (step / "Dockerfile").write_text(DOCKERFILE.format(name=name), encoding="utf-8")
    component_files.update(project)
    calls = [call for name in STEPS for call in _calls(_signature(project, name))]
    loads = [LOAD.format(name=name) for name in scripts]
    lines = [line for call in calls for line in _lines(call)]
    text = PIPELINE.format(numbers=[*NUMBERS], calls="".join(f"    {line}\n" for line in lines))
    (project / "pipeline.py").write_text("".join([HEAD, *loads, "\n", text]), encoding="utf-8")
    (project / "params" / "dev.yaml").write_text("{}\n")
    return project, calls


def _script(name: str) -> str:
    returns = _function(name).returns
    given = ", ".join(f'"{each}": {each}' for each in _annotations(name))
    result = "return " if returns and ast.unparse(returns) != "None" else ""
    return STEP.format(name=name, function=STEPS[name], result=result, given=given)


def _annotations(name: str) -> dict[str, ast.expr]:
    """Return the annotations of a function's arguments."""
    found = _function(name).args
    arguments = [*found.args, *found.kwonlyargs]
    return {each.arg: each.annotation for each in arguments if each.annotation}


def _function(name: str) -> ast.FunctionDef:
    (function,) = ast.parse(f"def {name}{STEPS[name]}: ...").body
    assert isinstance(function, ast.FunctionDef)
    return function


def _signature(project: Path, name: str) -> Signature:
    found = signatures.read(project / "steps" / name / "main.py")
    assert found is not None
    return found


def _calls(signature: Signature) -> Iterator[Call]:
    """Yield a call with all inputs, and one without those that may be left out."""
    name, annotations = signature.name, _annotations(signature.name)
    given = {
        port.name: port if port.is_artifact else _value(annotations[port.name])
        for port in signature.inputs
        if not port.is_status
    }
    needed = {port.name for port in signature.inputs if not port.optional} & given.keys()
    yield Call(name, signature, given)
    if needed != given.keys():
        yield Call(f"{name}-2", signature, {key: given[key] for key in given if key in needed})


def _value(annotation: ast.expr) -> Any:
    """Return a value of a parameter's type."""
    if isinstance(annotation, ast.Constant):  # a text
        return _value(ast.parse(str(annotation.value), mode="eval").body)
    if isinstance(annotation, ast.BinOp):
        is_first = isinstance(annotation.left, ast.Name)
        return _value(annotation.left if is_first else annotation.right)
    if isinstance(annotation, ast.Name):
        return VALUES[annotation.id]
    assert isinstance(annotation, ast.Subscript) and isinstance(annotation.value, ast.Name)
    parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    kinds = [part for part in parts if not (isinstance(part, ast.Constant) and part.value is None)]
    inner = _value(kinds[-1])
    outer = annotation.value.id.lower()
    return [inner] if outer == "list" else {"key": inner} if outer == "dict" else inner


def _lines(call: Call) -> Iterator[str]:
    """Yield the lines of the pipeline that are a call."""
    signature = call.signature
    ports = [port for port in signature.inputs if port.name in call.given]
    words = [
        f"{name_in_pipeline(signature, port)}={_given(call.given[port.name])}" for port in ports
    ]
    text = f"{signature.name}({', '.join(words)})"
    if not any(port.is_status for port in signature.inputs):
        yield text
    else:
        yield f"with dsl.ExitHandler({text}):"
        yield "    make(number=0)"


def _given(value: Any) -> str:
    if not isinstance(value, Port):
        return repr(value)
    name = value.type.lower()
    return f'dsl.Collected(each.outputs["{name}"])' if value.is_list else f'made.outputs["{name}"]'
