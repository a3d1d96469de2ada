"""`make graph`: the pictures say what the compiled pipeline does, and stay readable."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.graph import mermaid, spec, svg
from kfp_workbench.graph.layout import LIMIT, Drawing, layout
from kfp_workbench.graph.model import Edge, Graph, Node, chain, steps
from shared.baking import PROJECT, environment, pythons
from shared.pictures import HOSTILE, NS, parsed, shown

# A module with everything that KFP's compiler makes of control flow; each pipeline in it is compiled.
PIPELINES = """
from typing import List

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output, PipelineTaskFinalStatus


@dsl.component
def number(n: int = 1) -> int:
    return n


@dsl.component
def split(n: int) -> List[int]:
    return [n]


@dsl.component
def total(numbers: List[int]) -> int:
    return 0


@dsl.component
def say(text: str) -> str:
    return text


@dsl.component
def load(uri: str, data: Output[Dataset]):
    pass


@dsl.component
def train(data: Input[Dataset], rate: float, model: Output[Model]) -> float:
    return rate


@dsl.component
def compare(first: Input[Model], second: Input[Model], loss: float):
    pass


@dsl.component
def notify(status: PipelineTaskFinalStatus):
    pass


@dsl.pipeline
def fan(uri: str):
    loaded = load(uri=uri)
    data = loaded.outputs["data"]
    one = train(data=data, rate=0.5).set_display_name("Train slowly")
    two = train(data=data, rate=one.outputs["Output"])
    models = {"first": one.outputs["model"], "second": two.outputs["model"]}
    last = compare(loss=two.outputs["Output"], **models)
    say(text="done").after(last)


@dsl.pipeline
def nested(n: int, limit: int = 5) -> int:
    parts = split(n=n)
    with dsl.ParallelFor(parts.output, parallelism=2) as part:
        found = number(n=part)
        with dsl.If(found.output > limit):
            say(text=f"{found.output} is large")
    with dsl.ParallelFor([{"a": 1}], name="fixed") as item:
        number(n=item.a)
    return total(numbers=dsl.Collected(found.output)).output


@dsl.pipeline
def branches() -> str:
    flipped = say(text="?")
    with dsl.If(flipped.output == "heads"):
        one = say(text="h")
    with dsl.Elif(flipped.output == "edge"):
        two = say(text="e")
    with dsl.Else():
        three = say(text="t")
    return dsl.OneOf(one.output, two.output, three.output)


@dsl.pipeline
def inner(data: Input[Dataset], rate: float = 0.1) -> float:
    return train(data=data, rate=rate).outputs["Output"]


@dsl.pipeline
def always(uri: str):
    with dsl.ExitHandler(notify(), name="whatever happens"):
        loaded = load(uri=uri)
        found = dsl.importer(artifact_uri="gs://bucket/x", artifact_class=Dataset)
        first = inner(data=loaded.outputs["data"], rate=0.5)
        inner(data=found.output).after(first)


@dsl.pipeline
def long(n: int, late: int):
    for place in range(60):
        n = number(n=n).set_display_name(f"Step number {place}").output
    total(numbers=[n, late])


@dsl.pipeline
def wide(n: int) -> int:
    first = number(n=n)
    tasks = [number(n=first.output) for _ in range(60)]
    number(n=1).after(*tasks)
    return total(numbers=[task.output for task in tasks]).output


@dsl.pipeline
def many(n: int):
    row = [number(n=n)]
    for place in range(10):
        row = [total(numbers=[row[i % len(row)].output, row[i * 5 % len(row)].output])
               for i in range(6)]
"""
NAMES = ("fan", "nested", "branches", "always", "long", "wide", "many")


@cache
def compiled() -> dict[str, Any]:
    """Return the pipelines above as KFP compiles them."""
    from kfp import compiler

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder, "pipelines.py")
        module.write_text(PIPELINES)
        scope: dict[str, Any] = {"__name__": "pipelines", "__file__": str(module)}
        # kfp reads the source of components with inspect, from the file.
        sys.modules["pipelines"] = type(sys)("pipelines")
        exec(compile(PIPELINES, str(module), "exec"), scope)
        for name in NAMES:
            package = Path(folder, f"{name}.yaml")
            compiler.Compiler().compile(scope[name], str(package))
            found[name] = next(yaml.safe_load_all(package.read_text()))
        del sys.modules["pipelines"]
    return found


def graph_of(name: str) -> Graph:
    return spec.read(compiled()[name])


def node(graph: Graph, label: str) -> Node:
    (found,) = [node for node in graph.nodes if node.label == label]
    return found


def edges(graph: Graph) -> set[tuple[str, str, str, tuple[str, ...]]]:
    labels = [node.label for node in graph.nodes]
    return {(labels[e.source], labels[e.target], e.kind, e.names) for e in graph.edges}


def inside(graph: Graph, label: str) -> Graph:
    found = node(graph, label).inside
    assert found is not None
    return found


def test_what_steps_hand_over() -> None:
    assert edges(graph_of("fan")) == {
        ("uri", "load", "parameter", ()),
        ("load", "Train slowly", "artifact", ("data",)),
        ("load", "train-2", "artifact", ("data",)),
        ("Train slowly", "train-2", "parameter", ("Output → rate",)),
        ("Train slowly", "compare", "artifact", ("model → first",)),
        ("train-2", "compare", "artifact", ("model → second",)),
        ("train-2", "compare", "parameter", ("Output → loss",)),
        ("compare", "say", "order", ()),
    }
    assert node(graph_of("fan"), "Train slowly").details == ("rate = 0.5",)


def test_loops_and_conditions_are_boxes() -> None:
    graph = graph_of("nested")
    loop = inside(graph, "for each of split.Output, 2 at a time")
    assert node(graph, "for each of split.Output, 2 at a time").kind == "loop"
    assert ("item of split.Output", "number", "parameter", ("n",)) in edges(loop)
    assert node(loop, "if number.Output > limit").kind == "condition"
    (word,) = [n for n in inside(loop, "if number.Output > limit").nodes if n.kind == "step"]
    assert word.details == ("text = {number.Output} is large",)
    fixed = inside(graph, 'fixed: for each of [{"a": 1}]')
    assert edges(fixed) == {("item", "number-2", "parameter", (".a → n",))}
    assert ("total", "Output", "parameter", ()) in edges(graph)
    assert ("number.Output", "say", "parameter", ("text",)) in edges(
        inside(loop, "if number.Output > limit")
    )
    label = "for each of split.Output, 2 at a time"
    assert (label, "total", "parameter", ("Output → numbers",)) in edges(graph)


def test_branches_read_like_the_module() -> None:
    box = inside(graph_of("branches"), "one of")
    titles = [node.label for node in box.nodes if node.kind == "condition"]
    assert titles == ["if say.Output == 'heads'", "else if say.Output == 'edge'", "else"]
    ends = [edge for edge in box.edges if box.nodes[edge.target].kind == "output"]
    assert len(ends) == 3, "OneOf takes any of them"


def test_exit_handlers_importers_and_inner_pipelines() -> None:
    graph = graph_of("always")
    title = "whatever happens: with an exit handler"
    assert (title, "notify", "parameter", ("final status",)) in edges(graph)
    assert node(graph, "notify").details == ("also after a failure",)
    box = inside(graph, title)
    assert node(graph, title).kind == "exit"
    assert node(box, "importer").kind == "importer"
    assert node(box, "importer").details == ("uri = gs://bucket/x",)
    assert node(box, "inner").kind == "pipeline"
    assert node(box, "inner").details == ("rate = 0.5",)
    assert ("inner", "inner-2", "order", ()) in edges(box)
    assert ("data", "train", "artifact", ()) in edges(inside(box, "inner"))
    assert node(inside(box, "inner"), "data").artifact


def test_sixty_steps_are_all_there() -> None:
    assert len(steps(graph_of("long"))) == 61
    assert len(steps(graph_of("wide"))) == 63
    assert steps(graph_of("long"))[:60] == [f"Step number {place}" for place in range(60)]


def boxes(drawing: Drawing, x: int = 0, y: int = 0) -> Iterator[tuple[int, int, int, int]]:
    """Return left, top, right and bottom of all that is no box around other things."""
    for box in drawing.boxes:
        if box.inside is None:
            yield (x + box.x, y + box.y, x + box.x + box.width, y + box.y + box.height)


def all_drawings(drawing: Drawing) -> Iterator[Drawing]:
    yield drawing
    for box in drawing.boxes:
        if box.inside:
            assert box.inside.width <= box.width and box.inside.height < box.height
            yield from all_drawings(box.inside)


def things(drawing: Drawing) -> list[tuple[int, int, int, int]]:
    """Return left, top, right and bottom of every node and every text of an edge."""
    from kfp_workbench.graph.text import width

    found = [(b.x, b.y, b.x + b.width, b.y + b.height) for b in drawing.boxes]
    for label in drawing.labels:
        half = max(width(text, 11) for text in label.texts) // 2
        found.append((label.x - half, label.y, label.x + half, label.y + 14 * len(label.texts)))
    return found


def points_of(points: tuple[tuple[int, int], ...]) -> Iterator[tuple[int, int]]:
    """Return points along a line, as it is drawn or further out at its corners."""
    for number, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        for place in range(21):
            t = place / 20
            if len(points) == 4 and number == 1:  # the curve
                s = 3 * (1 - t) * t**2 + t**3
                yield round(x1 + (x2 - x1) * s), round(y1 + (y2 - y1) * (1.5 * t * (1 - t) + t**3))
            else:
                yield round(x1 + (x2 - x1) * t), round(y1 + (y2 - y1) * t)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_overlaps_and_no_line_crosses_a_text(name: str) -> None:
    for drawing in all_drawings(layout(graph_of(name))):
        found = things(drawing)
        for place, (left, top, right, bottom) in enumerate(found):
            assert 0 <= left < right <= drawing.width and 0 <= top < bottom <= drawing.height
            for other in found[place + 1 :]:
                apart = (
                    left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]
                )
                assert apart, (found[place], other)
            for line in drawing.lines:
                for x, y in points_of(line.points):
                    assert not (left < x < right and top + 2 < y < bottom - 2), (line, found[place])


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_a_page(name: str) -> None:
    drawing = layout(graph_of(name))
    assert drawing.width <= LIMIT * 1.1
    assert drawing.height <= 2000


def test_a_long_chain_gets_columns() -> None:
    drawing = layout(chain([f"Step number {place}" for place in range(60)]))
    assert len({box.x for box in drawing.boxes if box.node.label.startswith("Step number 4")}) > 1
    assert drawing.width < LIMIT and drawing.height < 1500


def test_a_wide_row_becomes_several() -> None:
    drawing = layout(graph_of("wide"))
    rows = {box.y for box in drawing.boxes if box.node.label.startswith("number-")}
    assert len(rows) >= 6


def test_an_input_stands_where_it_is_used() -> None:
    """A line from the top to the last of 60 steps would say less."""
    late = [box for box in layout(graph_of("long")).boxes if box.node.label == "late"]
    total = [box for box in layout(graph_of("long")).boxes if box.node.label == "total"]
    assert abs(late[0].x - total[0].x) < 250


@pytest.mark.parametrize("name", NAMES)
def test_the_svg_is_accessible_and_plain(name: str) -> None:
    text = svg.picture(graph_of(name), name)
    root = parsed(text)
    assert root.get("role") == "img"
    ids = {element.get("id"): element for element in root.iter() if element.get("id")}
    described = [ids[key] for key in (root.get("aria-labelledby") or "").split()]
    assert [element.tag for element in described] == [f"{NS}title", f"{NS}desc"]
    assert all(label in (described[1].text or "") for label in steps(graph_of(name)))
    tags = {element.tag.removeprefix(NS) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "g", "path", "text"}
    assert "prefers-color-scheme: dark" in text
    assert "url(" not in text and "@import" not in text and "href" not in text
    for label in steps(graph_of(name)):
        assert label in shown(root)


@pytest.mark.parametrize("name", NAMES)
def test_the_style_is_of_what_is_drawn_and_no_more(name: str) -> None:
    root = parsed(svg.picture(graph_of(name), name))
    drawn = [element for element in root.iter() if element.tag != f"{NS}title"]
    used = {element.tag.removeprefix(NS) for element in drawn}
    used |= {word for element in drawn for word in (element.get("class") or "").split()}
    (rules,) = (element.text or "" for element in root.iter(f"{NS}style"))
    light, dark = (
        {*re.findall(r"([a-z.]+(?: [a-z.]+)*)\s\{", part)}
        for part in rules.split("@media (prefers-color-scheme: dark) {")
    )
    assert dark <= light
    full = {*re.findall(r"([a-z.]+(?: [a-z.]+)*)\s\{", svg._STYLE)}
    assert light == {each for each in full if {*re.findall("[a-z]+", each)} <= used}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(scheme: str) -> None:
    light, dark = svg._STYLE.split("@media (prefers-color-scheme: dark)")
    colours = re.compile(r"\.?([a-z.]+) \{[^}]*?fill: (#[0-9a-f]{6})")
    found = dict(colours.findall(light if scheme == "light" else dark))
    for word, ground in [
        *(("text", "page"), ("text", "step"), ("text", "end"), ("text", "stuff")),
        *(("small", "page"), ("small", "step"), ("text.artifact", "page")),
    ]:
        assert contrast(found[word], found[ground]) >= 4.5, (word, ground)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_artifacts_and_order_look_different() -> None:
    root = parsed(svg.picture(graph_of("fan"), "fan"))
    assert {"parameter", "artifact", "order only"} <= set(shown(root)), "a legend"
    classes = {path.get("class") for path in root.iter(f"{NS}path")}
    assert {"parameter", "artifact", "order"} <= classes
    text = mermaid.flowchart(graph_of("fan"))
    assert ' ==>|"data"| ' in text and " -.-> " in text and " --> " in text


@pytest.mark.parametrize("name", ["fan", "nested"])
def test_the_mermaid_has_the_same_nodes_and_edges(name: str) -> None:
    def count(graph: Graph) -> tuple[int, int]:
        inner = [count(node.inside) for node in graph.nodes if node.inside]
        return len(graph.nodes) + sum(n for n, _ in inner), len(graph.edges) + sum(
            e for _, e in inner
        )

    lines = mermaid.flowchart(graph_of(name)).splitlines()
    assert lines[0] == "flowchart TD"
    arrows = [line for line in lines if re.search(r"n[\d_]+ (-->|==>|-\.->)", line)]
    boxes = [line for line in lines if re.match(r" *(subgraph )?n[\d_]+[\[(]", line)]
    assert (len(boxes), len(arrows)) == count(graph_of(name))
    assert sum(line.strip() == "end" for line in lines) == sum("subgraph" in line for line in lines)


def hostile() -> Graph:
    """Return a graph with a hostile text wherever one can be."""
    leaf = Graph(tuple(Node("step", text, (text,)) for text in HOSTILE), ())
    nodes = [Node("input", "x"), *(Node("step", text, (f"a = {text}",)) for text in HOSTILE)]
    nodes += [Node("loop", text, (text,), inside=leaf) for text in HOSTILE[:3]]
    nodes += [Node("output", text, artifact=True) for text in HOSTILE]
    kinds = ("parameter", "artifact", "order")
    found = [Edge(0, place, kinds[place % 3], (HOSTILE[place - 1],)) for place in range(1, 20)]
    return Graph(tuple(nodes), tuple(found))


def test_hostile_names_stay_text_in_svg() -> None:
    root = parsed(svg.picture(hostile(), '"><script>'))
    tags = {element.tag.removeprefix(NS) for element in root.iter()}
    assert tags == {"svg", "title", "desc", "style", "rect", "g", "path", "text"}
    words = shown(root)
    for text in HOSTILE[:5]:
        assert text in words
    assert "a b" in words and "\ufffd" in words and "\ufffdright" in words
    assert all(len(word) < 120 for word in words)


def test_hostile_names_stay_text_in_mermaid() -> None:
    place = r"n\d+(?:_\d+)*"
    label = r'"(?:[^"`<>\[\]{}|&;\\#]|#\d+;|<br>)*"'
    line = re.compile(
        rf" +(?:{place}(?:\[{label}\]|\[\[{label}\]\]|\(\[{label}\]\)|\[\({label}\)\])"
        rf"|subgraph {place}\[{label}\]|direction TD|end|{place} (?:-->|==>|-\.->)(?:\|{label}\|)? {place})"
    )
    first, *rest = mermaid.flowchart(hostile()).splitlines()
    assert first == "flowchart TD" and len(rest) > 3 * len(HOSTILE)
    for text in rest:
        assert line.fullmatch(text), text
        text.encode()
    numbers = "".join(rest)
    assert "1#46; list" in numbers and "#45; item" in numbers and "#47;#47;e" in numbers


def test_the_reader_says_what_is_no_pipeline() -> None:
    files: list[dict[str, Any]] = [{}, {"root": {}}, {"root": {"dag": {"tasks": {"a": {}}}}}]
    for broken in files:
        with pytest.raises(WorkbenchError, match=r"build/pipeline\.yaml: .*: make compile$"):
            spec.read(broken)


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14", "3.15"])
def test_every_python_draws_the_same(tmp_path: Path, version: str) -> None:
    """Also of a module with what the versions parse into different trees."""
    if version not in pythons():
        pytest.skip(f"no Python {version} on this machine")
    module = (
        PIPELINES
        + '\nX = f"{1!r:>{2}} {{}}" f"b{3}" "c"\nY = lambda *a, b=1, **c: (yield)\nclass C[0:1]: ...\n'
    ).replace("class C[0:1]: ...", "class C(list): ...\nZ = [None, ..., 1j, b'x', True]")
    (tmp_path / "module.py").write_text(module)
    code = (
        "import ast, sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from kfp_workbench.graph import mermaid, model, svg\n"
        "from kfp_workbench.graph.digest import sources_digest\n"
        "tree = ast.parse(Path(sys.argv[2]).read_text())\n"
        "graph = model.chain([f'Step é {n}' for n in range(60)])\n"
        "print(sources_digest({'a': tree}, {'b': 'name: x'}))\n"
        "sys.stdout.buffer.write((svg.picture(graph, 'x') + mermaid.flowchart(graph)).encode())\n"
    )
    args = ["-c", code, str(PROJECT), str(tmp_path / "module.py")]
    outputs = [
        subprocess.run([python, *args], capture_output=True, check=True, env=environment()).stdout
        for python in (pythons()[version], sys.executable)
    ]
    assert outputs[0] == outputs[1]
