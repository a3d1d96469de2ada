"""The smallest pipeline of each trap, and the same cured as its finding says."""

from typing import NamedTuple

PRELUDE = '''"""A trap."""

from typing import Dict, List, Optional

from kfp import components, dsl


def see(*args):
    return dsl.ContainerSpec(
        image="localhost:5000/golden/py", command=["python", "see.py"], args=list(args)
    )


def load(args, inputs, outputs="[]"):
    container = f"{{image: localhost:5000/golden/py, command: [python, see.py], args: {args}}}"
    text = f"name: show\\ninputs: {inputs}\\noutputs: {outputs}\\nimplementation: {{container: {container}}}"
    return components.load_component_from_text(text)


@dsl.container_component
def say(text: str):
    return see(text)


@dsl.container_component
def pair(one: str, two: str):
    return see(one, two)


@dsl.container_component
def count(n: int):
    return see(n)


@dsl.container_component
def collect(items: list):
    return see(items)


@dsl.container_component
def give(out: dsl.OutputPath(str)):
    return see("--out", out, "text")


@dsl.container_component
def write(data: dsl.Output[dsl.Dataset]):
    return see("--out", data.path, "text")


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return see("--cat", data.path)


@dsl.container_component
def read_all(data: dsl.Input[List[dsl.Dataset]]):
    return see("--input", "{{$}}")


OPTIONAL = "[{name: n, type: String, optional: true}, {name: m, type: String, optional: true}]"
'''


class Case(NamedTuple):
    """A pipeline that has a trap, in the line that holds ``at``, and edits that cure it."""

    body: str
    at: str
    words: str
    cure: list[tuple[str, str]]
    said: list[list[str]] | None = None  # by the cured one's containers, in the order of tasks


def pipeline(body: str, parameters: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f'\n\n@dsl.pipeline(name="trap")\ndef pipeline({parameters}):\n{lines}'


def shown(args: str, inputs: str = "OPTIONAL", outputs: str = "[]") -> str:
    return f'\nshow = load("""{args}""", {inputs}, "{outputs}")\n'


CHOOSE = (
    "\n\n@dsl.pipeline(name='choose')\ndef choose(text: str) -> str:\n"
    "    with dsl.If(text == 'x'):\n        a = give()\n    with dsl.Else():\n        b = give()\n"
    "    return dsl.OneOf(a.output, b.output)\n"
)
HAND_ON = (
    "\n\n@dsl.container_component\ndef hand_on(text: str, out: dsl.OutputPath(str)):\n"
    '    return see("--out", out, text)\n'
)
IF_N = "{if: {cond: {isPresent: n}, then: [--n, {inputValue: n}]}}"
CASES = {
    "concat-with-if": Case(
        shown("[{concat: ['--n=', {if: {cond: {isPresent: n}, then: {inputValue: n}}}]}]")
        + pipeline('show(n="x")'),
        "show(n=", "hands the JSON of a `concat` with an `if` over",
        [("[{concat: ['--n=', {if: {cond: {isPresent: n}, then: {inputValue: n}}}]}]", f"[{IF_N}]")],
        [["--n", "x"]],
    ),
    "if-within-if": Case(
        shown("[{if: {cond: {isPresent: n}, then: [--n, {if: {cond: {isPresent: m}, then: [--m]}}]}}]")
        + pipeline('show(n="x", m="y")'),
        "show(n=", "within an `if`, which fails before the step starts",
        [("then: [--n, {if: {cond: {isPresent: m}, then: [--m]}}]}}]",
          "then: [--n]}}, {if: {cond: {isPresent: m}, then: [--m]}}]")],
        [["--n", "--m"]],
    ),
    "if-with-an-output": Case(
        shown("[{if: {cond: {isPresent: n}, then: [--out, {outputPath: o}, text]}}]", outputs="[{name: o, type: String}]")
        + pipeline('show(n="x")'),
        "show(n=", "`if` over that has an output's path",
        [("[{if: {cond: {isPresent: n}, then: [--out, {outputPath: o}, text]}}]",
          "[--out, {outputPath: o}, {inputValue: n}]")],
    ),
    "if-of-an-artifact": Case(
        shown("[{if: {cond: {isPresent: d}, then: [--cat, {inputPath: d}]}}]", '"[{name: d, type: Dataset, optional: true}]"')
        + pipeline('show(d=write().outputs["data"])'),
        "show(d=", "asks whether the artifact 'd' is present",
        [("[{if: {cond: {isPresent: d}, then: [--cat, {inputPath: d}]}}]", "[--input, {executorInput: null}]")],
    ),
    "no-value": Case(
        shown("[--n, {inputValue: n}]") + pipeline("show()"),
        "    show()", "show may have no n", [("show()", 'show(n="x")')], [["--n", "x"]],
    ),
    "no-value-into-an-if": Case(
        shown("[--n, {inputValue: n}]") + pipeline("show()"),
        "    show()", "show may have no n", [("[--n, {inputValue: n}]", f"[{IF_N}, last]")], [["last"]],
    ),
    "no-value-of-a-parameter": Case(
        shown("[--n, {inputValue: n}]") + pipeline("show(n=n)", "n: Optional[str] = None"),
        "    show(n", "show may have no n", [("n: Optional[str] = None", 'n: str = "x"')], [["--n", "x"]],
    ),
    "no-artifact": Case(
        shown("[--cat, {inputPath: d}]", '"[{name: d, type: Dataset, optional: true}]"') + pipeline("show()"),
        "    show()", "show has no d", [("show()", 'show(d=write().outputs["data"])')],
    ),
    "null": Case(
        pipeline("say(text=text)", "text: Optional[str] = None"),
        "say(text=text)", "takes text, which may be None", [("Optional[str] = None", 'str = ""')], [[""]],
    ),
    "null-in-a-condition": Case(
        pipeline('with dsl.If(text == "x"):\n    say(text="yes")', "text: Optional[str] = None"),
        "dsl.If", "takes text, which may be None", [("Optional[str] = None", 'str = "x"')], [["yes"]],
    ),
    "null-for-a-pipeline-within": Case(
        shown(f"[{IF_N}]") + "\n\n@dsl.pipeline(name='inner')\ndef inner(n: Optional[str] = None):\n"
        "    show(n=n)\n" + pipeline("inner(n=text)", "text: Optional[str] = None"),
        "    show(n=n)", "show takes n, which may be None",
        [("text: Optional[str] = None", 'text: str = "x"')], [["--n", "x"]],
    ),
    "no-artifact-for-a-pipeline-within": Case(
        "\n\n@dsl.pipeline(name='inner')\ndef inner(data: dsl.Input[dsl.Dataset] = None):\n    read(data=data)\n"
        + pipeline("inner()"),
        "    read(data=data)", "read takes data, which inner is not passed",
        [("    inner()", '    inner(data=write().outputs["data"])')],
    ),
    "artifacts-in-args": Case(
        "\n\n@dsl.container_component\ndef several(data: dsl.Input[List[dsl.Dataset]]):\n    return see(data)\n"
        + pipeline('with dsl.ParallelFor(["a"]):\n    made = write()\n'
                   'several(data=dsl.Collected(made.outputs["data"]))'),
        "    several(", "hand over '{{$}}', the executor input", [("see(data)", 'see("{{$}}")')],
    ),
    "a-module-in-a-component": Case(
        "\n\nimport json\n\n\n@dsl.component(base_image='python:3.12')\ndef dump(text: str) -> str:\n"
        "    return json.dumps(text)\n" + pipeline('dump(text="x")'),
        "    return json", "dump uses 'json', which is not there when KFP runs it: import",
        [("    return json", "    import json\n    return json")],
    ),
    "a-function-in-a-component": Case(
        "\n\ndef twice(text):\n    return text * 2\n\n\n@dsl.component(base_image='python:3.12')\n"
        "def double(text: str) -> str:\n    return twice(text)\n" + pipeline('double(text="x")'),
        "    return twice", "hand it over, @dsl.component(additional_funcs=[twice])",
        [("@dsl.component(base_image", "@dsl.component(additional_funcs=[twice], base_image")],
    ),
    "a-constant-in-a-component": Case(
        "\n\nMORE = 3\n\n\n@dsl.component(base_image='python:3.12')\n"
        "def add(n: int = MORE) -> int:\n    return n\n" + pipeline("add()"),
        "def add", "write it within the function, or make it an input", [("int = MORE", "int = 3")],
    ),
    "an-alias-in-a-component": Case(
        "\n\nimport typing as t\n\n\n@dsl.component(base_image='python:3.12')\n"
        "def count_all(items: t.List[int]) -> int:\n    return len(items)\n" + pipeline("count_all(items=[1])"),
        "def count_all", "write the names of typing and kfp.dsl alone, such as List", [("t.List", "List")],
    ),
    "no-such-input": Case(
        shown("""['{{$.inputs.parameters["N"]}}', "{{$.inputs.parameters['N']}}"]""") + pipeline('show(n="x")'),
        "show(n=", "there is no input 'N'",
        [("""['{{$.inputs.parameters["N"]}}', "{{$.inputs.parameters['N']}}"]""", "[{inputValue: n}]")],
        [["x"]],
    ),
    "placeholder-in-args": Case(
        "\n\n@dsl.container_component\ndef named():\n    return see(dsl.PIPELINE_TASK_NAME_PLACEHOLDER)\n"
        + pipeline("named()"),
        "    named()", "over as it is written",
        [("def named()", "def named(name: str)"), ("see(dsl.PIPELINE_TASK_NAME_PLACEHOLDER)", "see(name)"),
         ("    named()", "    named(name=dsl.PIPELINE_TASK_NAME_PLACEHOLDER)")],
        [["named"]],
    ),
    "placeholder-in-text": Case(
        pipeline('say(text=f"by {dsl.PIPELINE_TASK_NAME_PLACEHOLDER}")'),
        "say(text=f", "where nothing fills it in",
        [('f"by {dsl.PIPELINE_TASK_NAME_PLACEHOLDER}"', "dsl.PIPELINE_TASK_NAME_PLACEHOLDER")], [["say"]],
    ),
    "placeholder-in-a-default": Case(
        pipeline("say(text=text)", 'text: str = "{{$.pipeline_task_name}}"'),
        "def pipeline", "the default of 'text' has '{{$.pipeline_task_name}}'",
        [('text: str = "{{$.pipeline_task_name}}"', ""), ("text=text", "text=dsl.PIPELINE_TASK_NAME_PLACEHOLDER")],
        [["say"]],
    ),
    "placeholder-in-a-default-within": Case(
        "\n\n@dsl.pipeline(name='inner')\ndef inner(text: str = dsl.PIPELINE_TASK_NAME_PLACEHOLDER):\n"
        "    say(text=text)\n" + pipeline("inner()"),
        "    inner()", "the default of text of inner has '{{$.pipeline_task_name}}'",
        [("    inner()", "    inner(text=dsl.PIPELINE_TASK_NAME_PLACEHOLDER)")], [["inner"]],
    ),
    "placeholder-in-an-item": Case(
        pipeline("with dsl.ParallelFor([dsl.PIPELINE_TASK_NAME_PLACEHOLDER]) as item:\n    say(text=item)"),
        "dsl.ParallelFor", "an item of the loop has '{{$.pipeline_task_name}}'",
        [("[dsl.PIPELINE_TASK_NAME_PLACEHOLDER]", '["a"]')], [["a"]],
    ),
    "text-for-a-pipeline-within": Case(
        "\n\n@dsl.pipeline(name='inner')\ndef inner(text: str):\n    say(text=text)\n"
        + pipeline('inner(text=f"<{text}>")', 'text: str = "x"'),
        "    inner(text", "is an f-string, which a pipeline within gets as it is written",
        [('inner(text=f"<{text}>")', "inner(text=text)")], [["x"]],
    ),
    "channel": Case(
        pipeline('say(text=f"items: {items}")', "items: List[int] = [1, 2]"),
        "say(text=f", "an f-string of what KFP's compiler does not fill in",
        [("List[int]", "list")], [["items: [1,2]"]],
    ),
    "channel-in-a-variable": Case(
        pipeline('say(text="a").set_env_variable("A", f"{text}")', 'text: str = "x"'),
        "set_env_variable", "the variable A of say has an f-string",
        [('text="a").set_env_variable("A", f"{text}")', "text=text)")], [["x"]],
    ),
    "texts-for-integers": Case(
        pipeline("with dsl.ParallelFor(items) as item:\n    count(n=item)", "items: list = [1]"),
        "count(n=", "for Integer, and it is a text by then: write items: list[int] in pipeline.py",
        [("items: list", "items: list[int]")], [["1"]],
    ),
    "texts-for-integers-in-a-condition": Case(
        pipeline(
            'with dsl.ParallelFor(items) as item:\n    with dsl.If(more == True):\n        count(n=item)',
            "items: list = [1], more: bool = True",
        ),
        "count(n=", "it is a text by then: write items: list[int] in pipeline.py",
        [("items: list", "items: list[int]")], [["1"]],
    ),
    "texts-for-integers-of-two-loops": Case(
        pipeline(
            "with dsl.ParallelFor(items) as some:\n    with dsl.ParallelFor(some) as item:\n        count(n=item)",
            "items: List[list] = [[1]]",
        ),
        "count(n=", "it is a text by then: write items: list[list[int]] in pipeline.py",
        [("items: List[list]", "items: list[list[int]]")], [["1"]],
    ),
    "texts-for-integers-of-a-step": Case(
        "\n\n@dsl.container_component\ndef make(out: dsl.OutputPath(list)):\n    return see('--out', out, '[1]')\n"
        + pipeline('with dsl.ParallelFor(make().outputs["out"]) as item:\n    count(n=item)'),
        "count(n=", "it is a text by then: take a text, str, and make int of it in the step",
        [("count(n=item", "say(text=item")],
    ),
    "condition-of-two-types": Case(
        pipeline('with dsl.If(n > "1"):\n    say(text="yes")', "n: int = 2"),
        "dsl.If", "cannot evaluate this condition: compare what is of one type", [('"1"', "1")], [["yes"]],
    ),
    "condition-with-a-backslash": Case(
        pipeline('with dsl.If(text != "C:\\\\data"):\n    say(text="yes")', 'text: str = "x"'),
        "dsl.If", "cannot evaluate this condition: compare with a text that has no backslash",
        [("C:\\\\data", "C:/data")], [["yes"]],
    ),
    **{
        f"condition-with-{name}": Case(
            pipeline(f"with dsl.If(text != {other!r}):\n    say(text='yes')", 'text: str = "x"'),
            "dsl.If", "compare with a text that has no ' and no line break", [(repr(other), repr("its"))], [["yes"]],
        )
        for name, other in (("a-quote", "it's"), ("a-line-break", "it\ns"))
    },
    "python-and": Case(
        pipeline('with dsl.If((text == "no") and (text == "x")):\n    say(text="yes")', 'text: str = "x"'),
        "dsl.If", "asks in Python", [('(text == "no") and (text == "x")', 'text == "x"')], [["yes"]],
    ),
    "python-if": Case(
        pipeline('if text == "no":\n    say(text="yes")', 'text: str = "x"'),
        'if text == "no"', "asks in Python", [('if text == "no"', 'with dsl.If(text == "x")')], [["yes"]],
    ),
    "oneof-compared": Case(
        HAND_ON + pipeline(
            'with dsl.If(text == "x"):\n    a = give()\nwith dsl.Else():\n    b = give()\n'
            'chosen = dsl.OneOf(a.output, b.output)\nwith dsl.If(chosen == "text"):\n    say(text="yes")',
            'text: str = "x"',
        ),
        "dsl.If(chosen", "does not hand on",
        [("chosen = dsl.OneOf(a.output, b.output)", "chosen = hand_on(text=dsl.OneOf(a.output, b.output)).output")],
    ),
    "collected-of-nothing": Case(
        pipeline("with dsl.ParallelFor(items):\n    made = give()\ncollect(items=dsl.Collected(made.output))",
                 "items: list = []"),
        "dsl.ParallelFor", "a loop over an empty list", [("items: list = []", 'items: list = ["a"]')],
    ),
    "collected-of-a-branch": Case(
        pipeline('with dsl.ParallelFor(["a", "b"]) as item:\n    with dsl.If(item == "a"):\n        made = give()\n'
                 "collect(items=dsl.Collected(made.output))"),
        "dsl.ParallelFor", "collects what a dsl.If within the loop makes",
        [('        with dsl.If(item == "a"):\n            made = give()', "        made = give()")],
    ),
    "loops-over-one-list": Case(
        pipeline("with dsl.ParallelFor(items) as item:\n    with dsl.ParallelFor(items) as other:\n"
                 '        pair(one=item, two=other)', 'items: List[str] = ["a"]'),
        "with dsl.ParallelFor(items) as other", "is in a loop over the same",
        [('items: List[str] = ["a"]', 'items: List[str] = ["a"], others: List[str] = ["b"]'),
         ("dsl.ParallelFor(items) as other", "dsl.ParallelFor(others) as other")],
        [["a", "b"]],
    ),
    "list-within-its-loop": Case(
        pipeline("with dsl.ParallelFor(items):\n    collect(items=items)", "items: list = [1]"),
        "collect(items=items)", "over which the loop around it goes",
        [("items: list = [1]", "items: list = [1], all: list = [1]"), ("items=items", "items=all")],
        [["[1]"]],
    ),
    "list-of-artifacts-in-a-branch": Case(
        "\n\n@dsl.pipeline(name='inner')\ndef inner() -> List[dsl.Dataset]:\n"
        '    with dsl.ParallelFor(["a", "b"]):\n        made = write()\n'
        '    return dsl.Collected(made.outputs["data"])\n' + pipeline(
            'made = inner()\nwith dsl.If(give().output != "x"):\n    read_all(data=made.output)'),
        "dsl.If", "takes a list of artifacts, of which what is in it gets the last alone",
        [('    with dsl.If(give().output != "x"):\n        read_all(', "    read_all(")],
    ),
    "list-of-artifacts-for-a-pipeline": Case(
        "\n\n@dsl.pipeline(name='inner')\ndef inner(data: dsl.Input[List[dsl.Dataset]]):\n"
        '    read_all(data=data)\n' + pipeline(
            'with dsl.ParallelFor(["a", "b"]):\n    made = write()\n'
            'inner(data=dsl.Collected(made.outputs["data"]))'),
        "    inner(data=", "inner takes a list of artifacts", [("    inner(data=", "    read_all(data=")],
    ),
    "loop-over-artifacts": Case(
        "\n\n@dsl.pipeline(name='inner')\ndef inner() -> List[dsl.Dataset]:\n"
        '    with dsl.ParallelFor(["a"]):\n        made = write()\n'
        '    return dsl.Collected(made.outputs["data"])\n' + pipeline(
            "with dsl.ParallelFor(inner().output) as data:\n    read(data=data)"),
        "dsl.ParallelFor(inner", "no server has loops over artifacts",
        [("dsl.ParallelFor(inner().output) as data:\n        read(data=data)",
          'dsl.ParallelFor(["a"]):\n        read(data=write().outputs["data"])')],
    ),
    "loop-over-a-field": Case(
        "\n\n@dsl.container_component\ndef pick(row: dict, out: dsl.OutputPath(list)):\n"
        """    return see("--out", out, '["a"]')\n""" + pipeline(
            'with dsl.ParallelFor([{"items": ["a"]}]) as row:\n    with dsl.ParallelFor(row.items) as item:\n'
            "        say(text=item)"),
        "dsl.ParallelFor(row.items)", "goes over a field of another loop's item",
        [("dsl.ParallelFor(row.items)", 'dsl.ParallelFor(pick(row=row).outputs["out"])')], [["a"]],
    ),
    "collected-of-an-importer": Case(
        "\n\n@dsl.container_component\ndef hand_on(data: dsl.Input[dsl.Dataset], out: dsl.Output[dsl.Dataset]):\n"
        '    return see("--out", out.path, "text")\n'
        "\n\n@dsl.container_component\ndef read_all(data: dsl.Input[List[dsl.Dataset]]):\n"
        '    return see("all")\n' + pipeline(
            'with dsl.ParallelFor(["minio://mlpipeline/a"]) as address:\n'
            "    data = dsl.importer(artifact_uri=address, artifact_class=dsl.Dataset).output\n"
            "read_all(data=dsl.Collected(data))"),
        "dsl.ParallelFor", "collects what an importer within the loop takes",
        [("dsl.Dataset).output\n", "dsl.Dataset)\n        made = hand_on(data=data.output).outputs['out']\n"),
         ("dsl.Collected(data)", "dsl.Collected(made)")],
        [["all"]],
    ),
    "branch-of-an-importer": Case(
        "\n\n@dsl.container_component\ndef hand_on(data: dsl.Input[dsl.Dataset], out: dsl.Output[dsl.Dataset]):\n"
        '    return see("--out", out.path, "text")\n' + pipeline(
            'with dsl.If(text == "x"):\n    one = write().outputs["data"]\n'
            'with dsl.Else():\n    two = dsl.importer(artifact_uri="minio://mlpipeline/a", artifact_class=dsl.Dataset).output\n'
            "read(data=dsl.OneOf(one, two))", 'text: str = "x"'),
        "dsl.Else", "what only an importer of a branch takes is not found by a dsl.OneOf",
        [("two = dsl.importer(", "got = dsl.importer("), (".output\n    read", ".output\n        two = hand_on(data=got).outputs['out']\n    read")],
    ),
    "branch-that-ends-untold": Case(
        pipeline('with dsl.If(text == "x"):\n    one = give()\n    with dsl.If(one.output == "x"):\n'
                 '        say(text="1")\nwith dsl.Else():\n    two = give()\n'
                 'say(text=dsl.OneOf(one.output, two.output))', 'text: str = "x"'),
        "dsl.Else", "a branch may end with what is skipped or imported",
        [('        with dsl.If(one.output == "x"):\n            say(text="1")\n', "")], [["text"]],
    ),
    "collected-of-a-choice": Case(
        HAND_ON + CHOOSE + pipeline('with dsl.ParallelFor(["x", "y"]) as item:\n    made = choose(text=item)\n'
                                    "collect(items=dsl.Collected(made.output))"),
        "dsl.ParallelFor", "collects what dsl.OneOf chooses",
        [("return dsl.OneOf(a.output, b.output)", "return hand_on(text=dsl.OneOf(a.output, b.output)).output")],
        [['["text","text"]']],
    ),
    "importer-of-a-part": Case(
        pipeline('with dsl.ParallelFor([{"of": "minio://mlpipeline/a"}]) as item:\n'
                 "    read(data=dsl.importer(artifact_uri=item.of, artifact_class=dsl.Dataset).output)"),
        "dsl.importer", "takes its address from a part of an item",
        [('{"of": "minio://mlpipeline/a"}', '"minio://mlpipeline/a"'), ("item.of", "item")],
    ),
    "text-of-a-part": Case(
        "\n\n@dsl.container_component\ndef rows(out: dsl.OutputPath(list)):\n"
        """    return see("--out", out, '[{"a": "x"}]')\n""" + pipeline(
            "with dsl.ParallelFor(rows().output) as row:\n    say(text=f\"row {row.a}\")"),
        "say(text=f", "takes a of an item of rows-out, which KFP's compiler does not hand on",
        [('f"row {row.a}"', "row.a")], [["x"]],
    ),
    "importer-with-a-display-name": Case(
        pipeline('data = dsl.importer(artifact_uri="minio://mlpipeline/a", artifact_class=dsl.Dataset)'
                 '.set_display_name("Data")\nread(data=data.output)'),
        "dsl.importer", "what an importer with a display name takes is not found",
        [('.set_display_name("Data")', "")],
    ),
    "importer-of-nothing": Case(
        pipeline('read(data=dsl.importer(artifact_uri="", artifact_class=dsl.Dataset).output)'),
        "dsl.importer", "has an empty address", [('artifact_uri=""', 'artifact_uri="minio://mlpipeline/a"')],
    ),
    "importer-metadata-of-null": Case(
        pipeline('read(data=dsl.importer(artifact_uri="minio://mlpipeline/a", artifact_class=dsl.Dataset, '
                 'metadata={"of": None}).output)'),
        "dsl.importer", "has metadata that are null", [('"of": None', '"of": ""')],
    ),
    "artifact-twice": Case(
        "\n\n@dsl.container_component\ndef compare(one: dsl.Input[dsl.Dataset], two: dsl.Input[dsl.Dataset]):\n"
        '    return see("two")\n'
        + pipeline('made = write().outputs["data"]\nother = made\ncompare(one=made, two=other)'),
        "compare(one=made", "takes one artifact as one and as two",
        [("two: dsl.Input[dsl.Dataset]", "two: str"), ("two=other", 'two="x"')], [["two"]],
    ),
    "artifacts-of-equal-tasks": Case(
        "\n\n@dsl.container_component\ndef compare(one: dsl.Input[dsl.Dataset], two: dsl.Input[dsl.Dataset]):\n"
        '    return see("two")\n'
        + pipeline('one, two = write(), write()\ncompare(one=one.outputs["data"], two=two.outputs["data"])'),
        "compare(one=one", "takes as one and as two what two equal tasks make",
        [("write(), write()", "write(), write().set_caching_options(False)")], [["two"]],
    ),
    "artifacts-of-equal-importers": Case(
        "\n\n@dsl.container_component\ndef compare(one: dsl.Input[dsl.Dataset], two: dsl.Input[dsl.Dataset]):\n"
        '    return see("two")\n' + pipeline(
            'uri = "minio://mlpipeline/a"\none = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset)\n'
            "two = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset)\ncompare(one=one.output, two=two.output)"),
        "compare(one=one", "what two equal importers take",
        [("two = dsl.importer(", "two = dsl.importer(reimport=True, ")], [["two"]],
    ),
    "after-a-loop-however-it-ends": Case(
        pipeline('with dsl.ParallelFor(["a"]) as item:\n    one = say(text=item)\n'
                 'say(text="2").after(one).ignore_upstream_failure()'),
        'say(text="2")', "is to follow a loop, however that ends, and is never run",
        [('    with dsl.ParallelFor(["a"]) as item:\n        one = say(text=item)\n'
          '    say(text="2").after(one).ignore_upstream_failure()',
          '    last = say(text="2")\n    with dsl.ExitHandler(last):\n'
          '        with dsl.ParallelFor(["a"]) as item:\n            say(text=item)')],
        [["a"], ["2"]],
    ),
    "status-in-a-loop": Case(
        "\n\n@dsl.container_component\ndef tell(status: dsl.PipelineTaskFinalStatus):\n    return see('told')\n"
        "\n\n@dsl.pipeline(name='inner')\ndef inner():\n    tell().after(give()).ignore_upstream_failure()\n"
        + pipeline('with dsl.ParallelFor(["a"]):\n    tell().after(give()).ignore_upstream_failure()'),
        "        tell()", "tell asks how a task of a loop has ended",
        [("        tell().after(give()).ignore_upstream_failure()", "        inner()")], [["told"]],
    ),
    "two-however-one-ends": Case(
        pipeline('one = give()\nsay(text="2").after(one).ignore_upstream_failure()\n'
                 'pair(one="3", two="4").after(one).ignore_upstream_failure()'),
        "pair(one=", "pair and say are to follow give, however it ends, and only the latter is run",
        [('\n    pair(one="3", two="4").after(one).ignore_upstream_failure()', "")], [["2"]],
    ),
    "name-of-a-driver": Case(
        "\n\n@dsl.container_component\ndef say_driver(text: str):\n    return see(text)\n"
        + pipeline('say(text="1")\nsay_driver(text="2")'),
        'say_driver(text="2")', "is what KFP calls the driver of say",
        [("def say_driver", "def say_more"), ("    say_driver(", "    say_more(")], [["1"], ["2"]],
    ),
    **{
        f"importer-of-{name}": Case(
            pipeline(f'read(data=dsl.importer(artifact_uri="{address}", artifact_class=dsl.Dataset).output)'),
            "dsl.importer", words, [(address, "minio://mlpipeline/a.csv")],
        )
        for name, address, words in (
            ("file", "file:///data/a.csv", "file:///data/a.csv is in no bucket"),
            ("http", "https://example.com/a.csv", "https://example.com/a.csv is in no bucket"),
            ("image", "oci://r/i:1", "cannot be imported as a Dataset"),
        )
    },
    "importer-metadata": Case(
        pipeline('read(data=dsl.importer(artifact_uri="minio://mlpipeline/a", artifact_class=dsl.Dataset, '
                 'metadata={"of": name}).output)', 'name: str = "x"'),
        "dsl.importer", "take an input, which stays as it is written", [('"of": name', '"of": "x"')],
    ),
    "accelerator": Case(
        pipeline('say(text="a").set_accelerator_type("NVIDIA_TESLA_K80").set_accelerator_limit(1)'),
        "NVIDIA_TESLA_K80", "is no name of a resource in Kubernetes", [("NVIDIA_TESLA_K80", "nvidia.com/gpu")],
    ),
    "limit-of-an-integer": Case(
        pipeline('say(text="a").set_cpu_limit(cpu)', "cpu: int = 1"),
        "set_cpu_limit", "a limit or request of say, cpu, is no text", [("cpu: int = 1", 'cpu: str = "1"')],
        [["a"]],
    ),
    "limit-that-is-none": Case(
        pipeline('say(text="a").set_memory_limit(memory)', 'memory: str = "2 GB"'),
        "set_memory_limit", "memory, is '2 GB', which is no amount", [("2 GB", "2G")], [["a"]],
    ),
    "variable-twice": Case(
        "\nfrom kfp import kubernetes\n" + pipeline(
            'task = say(text="a").set_env_variable("A", "x")\n'
            'kubernetes.use_secret_as_env(task, "s", {"a": "A"})'),
        'set_env_variable("A"', "the variable A is given twice", [('.set_env_variable("A", "x")', "")],
    ),
    "after-what-runs-anyway": Case(
        pipeline('one = say(text="1")\ntwo = say(text="2").after(one).ignore_upstream_failure()\n'
                 'say(text="3").after(two)'),
        'say(text="3")', "comes after say-2, which runs however others end", [(".after(two)", ".after(one)")],
        [["1"], ["2"], ["3"]],
    ),
    "after-each-other": Case(
        pipeline('one = say(text="1"); one.after(say(text="2").after(one))'),
        "one = say", "say-2 waits for what waits for it", [("; one.after(say(text=\"2\").after(one))", "; say(text=\"2\").after(one)")],
        [["1"], ["2"]],
    ),
    "condition-with-an-escape": Case(
        pipeline('with dsl.If(text != "C:\\\\new"):\n    say(text="yes")', 'text: str = "x"'),
        "dsl.If", "which a server takes for an escape: compare with a text that has no backslash",
        [("C:\\\\new", "C:/new")], [["yes"]],
    ),
    "quotes-in-text": Case(
        "\n\n@dsl.component(base_image='python:3.12')\ndef tell(text: str) -> str:\n    return text\n"
        + pipeline('tell(text=f"it is {name}")', 'name: str = "the \\"best\\""'),
        "    tell(", "text of tell has name in it, whose quotes break the JSON",
        [('name: str = "the \\"best\\""', 'name: str = "the best"')],
    ),
    "an-object-in-text": Case(
        "\n\n@dsl.component(base_image='python:3.12')\ndef tell(text: str, of: dict = {}) -> str:\n    return text\n"
        + pipeline('tell(text=f"it is {name}")', 'name: dict = {"a": 1}'),
        "    tell(", "hand it over as an argument of its own, and join texts in the step",
        [('text=f"it is {name}"', 'text="it is", of=name')],
    ),
    "an-output-in-text": Case(
        "\n\n@dsl.component(base_image='python:3.12')\ndef tell(text: str, of: dict = {}) -> dict:\n    return of\n"
        + pipeline('tell(text=f"it is {tell(text=\'x\').output}")'),
        "    tell(", "text of tell-2 has tell-Output in it, whose quotes break the JSON",
        [('text=f"it is {tell(text=\'x\').output}"', 'text="it is", of=tell(text="x").output')],
    ),
    **{
        f"kfp-on-{name}": Case(pipeline(body, parameters), at, words, [cure], said)
        for name, body, parameters, at, words, cure, said in (
            ("a-flag", 'with dsl.If(flag):\n    say(text="yes")', "flag: bool = True", "@dsl.pipeline",
             "compare it, as in dsl.If(flag == True)", ("If(flag)", "If(flag == True)"), [["yes"]]),
            ("in", 'with dsl.If(text in ["a"]):\n    say(text="yes")', 'text: str = "a"', "dsl.If",
             "compare an output or a parameter, by ==", ('in ["a"]', '== "a"'), [["yes"]]),
            ("a-variable", 'say(text="a").set_env_variable("A", text)', 'text: str = "x"', "@dsl.pipeline",
             "write a text, or hand it over as an argument", ('"A", text', '"A", "x"'), [["a"]]),
            ("a-sum", "say(text=give().output + 'x')", "", "say(text=", "let a step compute that",
             (".output + 'x'", ".output"), None),
            ("a-branch", 'with dsl.If(text == "a"):\n    one = give()\nsay(text=one.output)', 'text: str = "a"',
             "@dsl.pipeline", "or put both into one block",
             ("    say(text=one", "        say(text=one"), None),
        )
    },
    "item-without-a-key": Case(
        pipeline('with dsl.ParallelFor([{"a": "x"}, {"b": "y"}]) as item:\n    say(text=item.a)'),
        "say(text=", "say takes 'a' of each item, and {'b': 'y'} has none: give each item the same keys",
        [('"b": "y"', '"a": "y"')], [["x"], ["y"]],
    ),
    "artifact-of-the-run": Case(
        pipeline("read(data=rows)", "rows: dsl.Input[dsl.Dataset]"),
        "def pipeline", "which no run can be given: take its address",
        [("rows: dsl.Input[dsl.Dataset]", 'rows: str = "minio://b/a"'),
         ("data=rows", "data=dsl.importer(artifact_uri=rows, artifact_class=dsl.Dataset).output")],
    ),
    "argo": Case(
        pipeline("say(text=text)", 'text: str = "{{workflow.name}}"'),
        "def pipeline", "which a cluster replaces", [("{{workflow.name}}", "{ {workflow.name} }")],
        [["{ {workflow.name} }"]],
    ),
    "computed-emoji": Case(
        pipeline('say(text=chr(0x1F600))'), "chr(", "which a server refuses (its database",
        [("0x1F600", "0x263A")], [["☺"]],
    ),
}  # fmt: skip


def broken(case: Case) -> str:
    return PRELUDE + case.body


def cured(case: Case) -> str:
    text = broken(case)
    for old, new in case.cure:
        assert old in text, old
        text = text.replace(old, new)
    return text


def line(case: Case) -> int:
    """Return the line, from 1, in which the trap's finding is to be."""
    return broken(case)[: broken(case).index(case.at, len(PRELUDE))].count("\n") + (
        2 if case.at.startswith("\n") else 1
    )
