"""Parameters: ``params/<ENV>.yaml``, ``-p`` and variables."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.check import check_project
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import environments, params, values
from shared.baking import make
from shared.parameters import KINDS, NO_ENGINE, Folder, refused

# What is refused, and where


PROBLEMS: dict[str, tuple[str, str]] = {
    "no-yaml": ("context: {}\nx: [1", "3: no valid YAML: "),
    "no-mapping": ("# why\n- 1", "2: holds no parameters by name: write one `name: value` per line"),
    "infinite": (
        "context:\n  numbers:\n  - 1\n  - 1e400\n",
        "4: context.numbers[1]: inf is beyond the numbers that KFP can carry (doubles): write "
        "another",
    ),
    "too-large": (f"context: {{n: [1{'0' * 400}]}}", "1: context.n[0]: 1000"),
    "date": (
        "context: {day: 2024-01-31}",
        "1: context.day: 2024-01-31 is a date: JSON has none, put it in quotes",
    ),
    "no-date": ("context: {day: 2024-13-45}", "1: no valid YAML: '2024-13-45' is no timestamp"),
    "key-no-text": (
        "context:\n  a: 1\n  1: 2\n",
        "3: context: the key 1 is a whole number: put it in quotes",
    ),
    "twice": ("context: {}\n\ncontext: {}", "3: no valid YAML: the key 'context' is there twice"),
    "twice-within": ("context:\n  a: 1\n  a: 2", "3: no valid YAML: the key 'a' is there twice"),
    "missing": ("{}", "1: parameter 'context' has no value: add it to params/prod.yaml or ARGS="),
    "unknown": ("context: {}\nnope: 1", "2: the pipeline has no parameter 'nope': it has context, "),
    "settings-misspelt": ("context: {}\n.seting: 1", "secret; settings stand under .settings"),
    "name-no-text": ("context: {}\non: 1", "2: YAML reads this name as True: put it in quotes"),
    "another-type": (
        "context: [1]",
        "1: context: [1] is a list, not a JSON object: write a JSON object",
    ),
    "no-text": ("context: {}\ntext: 1", "2: text: 1 is a whole number, not text: put it in quotes"),
    "no-number": ("context: {}\ncount: true", "true or false, not a whole number: write a whole"),
    "no-integer": ("context: {}\ncount: 1.5", "count: 1.5 is a number, not a whole number"),
    "nothing": (
        "context: {}\ncount:",
        "2: count: None is nothing, not a whole number: give one, or take the line out",
    ),
    "nul": ('context: {}\ntext: "a\\0b"', "2: text: has a NUL character, which no command line"),
    "unset": (
        'context:\n  a: ["${NOT_SET}"]\n',
        "2: context.a[0]: the variable NOT_SET is not set: export it, or write $${ for a "
        "literal ${",
    ),
    "malformed": (
        "context: {}\ntext: ${NAME:-x}",
        "2: text: has a ${ without a name and a }: write ${NAME}, or $${ for a literal ${",
    ),
    "unclosed": ("context: {}\ntext: a ${", "2: text: has a ${ without a name and a }: "),
    "unquoted": ("context: {a: ${HOME}}", 'within [ ] and { }, put "${NAME}" in quotes'),
    "part-of-a-number": (
        "context: {}\ncount: 1${ONE}",
        "2: count: '11' is text, not a whole number: write a whole number",
    ),
    "variable-no-number": (
        "context: {}\ncount: ${WORD}",
        "2: count: ${WORD} is 'abc', which is not a whole number: export one that fits",
    ),
    "variable-of-another-type": (
        "context: {}\nnames: ${ONE}",
        "2: names: 1 is a whole number, not a JSON list: write a JSON list",
    ),
    "variable-with-a-key-twice": ("context: ${TWICE}", "which has the key 'a' twice"),
    "variable-nested-without-end": ("context: ${DEEP}", "is nested more than 100 levels deep"),
    "variable-no-unicode": (
        "context: {}\ntext: ${BYTES}",
        "2: text: has a character that is no Unicode: leave it out",
    ),
}  # fmt: skip
ENVIRON = {
    "ONE": "1",
    "WORD": "abc",
    "TWICE": '{"a": 1, "a": 2}',
    "DEEP": f'{{"a": {"[" * 200}{"]" * 200}}}',
    "BYTES": "\udcff",
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_problem_is_one_line_with_its_place(
    folder: Folder, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    text, words = PROBLEMS[case]
    (line,) = refused(capsys, folder.read, text, **ENVIRON)
    if words.partition(": ")[0].isdigit():
        assert line.startswith(f"params/prod.yaml:{words}")
    else:
        assert re.match(r"params/prod\.yaml:\d+: ", line) and words in line
    assert line.isprintable() and len(line) < 300


@pytest.mark.parametrize(
    ("assignment", "line"),
    [
        ("nope=1", "-p: the pipeline has no parameter 'nope': it has context, "),
        (".settings={}", "-p: the pipeline has no parameter '.settings': it has context, "),
        ("context=1", "-p: context: 1 is a whole number, not a JSON object: write a JSON object"),
        ("context={", "-p: context: '{' is not a JSON object"),
        ("context", "-p 'context': write -p name=value"),
        ("=1", "-p '=1': write -p name=value"),
        ('context={"n": [NaN]}', "-p: context.n[0]: nan is beyond the numbers"),
        ('context={"a": 1, "a": 2}', "has the key 'a' twice"),
        ('context={"a": "\\ud800"}', "-p: context.a: has a character that is no Unicode"),
        ('context={"\\ud800": 1}', "-p: context: a key has a character that is no Unicode"),
        ("context=" + "[" * 900 + "]" * 900, "is nested more than 100 levels deep"),
        ("count=${ONE}", "-p: count: '${ONE}' is not a whole number"),
    ],
)
def test_what_is_wrong_on_the_command_line_says_so(
    folder: Folder, capsys: pytest.CaptureFixture[str], assignment: str, line: str
) -> None:
    (found,) = refused(capsys, lambda: folder.read("context: {}", assignment, ONE="1"))
    assert line in found and found.isprintable()


def test_all_problems_are_said_at_once_by_line(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    text = """\
# Production
.settings:
  caching: maybe
  hots: x
nope: 1
context:
  numbers: [1, .inf]
  when: 2024-01-01
count: ${COUNT}
text: [1]
"""
    folder.declare("context", "names")
    lines = refused(capsys, folder.run, text, "ratio=x", "on=1")
    assert [line.partition(": ")[0] for line in lines] == [
        *(f"params/prod.yaml:{number}" for number in (2, 3, 4, 5, 7, 8, 9, 10)),
        *("-p", "-p"),
    ]
    assert "parameter 'names' has no value" in lines[0]


def test_a_thousand_problems_are_not_all_shown(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WorkbenchError, match=r"^1000 problems, see above"):
        folder.read(f"context: {{n: [{', '.join(['.inf'] * 1000)}]}}")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 51 and lines[-1] == "... and 950 more"


def test_each_environment_has_its_parameters(project: Path) -> None:
    """End to end: nothing is started when something is wrong."""
    (project / "params" / "prod.yaml").write_text("context: {numbers: [10]}\n")

    def local(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return make(project, "local", "RUNNER=process", *arguments, env=NO_ENGINE)

    assert json.loads(local("ENV=prod").stdout)["Output"]["average"] == 10
    for arguments, line in (
        (["ENV=stage"], "error: params/stage.yaml: No such file or directory: make it"),
        (["ENV=../x"], "error: ENV='../x': use letters, digits"),
        (["ARGS=-p nope=1 -p context=1"], "error: 2 problems, see above: nothing was started"),
    ):
        result = local(*arguments)
        assert result.returncode != 0 and result.stdout == "" and ": started" not in result.stderr
        lines = [text for text in result.stderr.splitlines() if not text.startswith("make:")]
        assert lines[-1].startswith(line)
        assert len([text for text in lines if text.startswith("error: ")]) == 1


def test_a_rounded_integer_is_noted(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    number = 2**53 + 1
    folder.read(f"context:\n  n:\n  - {number}\n", f"names=[{number}]")
    assert capsys.readouterr().err.splitlines() == [
        f"note: params/prod.yaml:3: context.n[0]: {number} becomes {float(number)}: "
        "KFP carries doubles",
        f"note: -p: names[0]: {number} becomes {float(number)}: KFP carries doubles",
    ]


# What arrives


@pytest.mark.parametrize("text", ["count: 2.0", "count: 2", "count: ${TWO}"])
def test_a_number_that_is_whole_is_one(folder: Folder, text: str) -> None:
    """A server takes 2.0 for a whole number, too, and hands 2 to the step."""
    found = folder.read(f"context: {{}}\n{text}", TWO="2.0")["count"]
    assert found == folder.read("context: {}", "count=2.0")["count"] == 2
    assert type(found) is int


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text: a ${ONE} b${WORD}", {"text": "a 1 babc"}),
        ("text: $${ONE} $ONE $$ $$${ONE} }", {"text": "${ONE} $ONE $$ $${ONE} }"}),
        ("text: ${ONE}", {"text": "1"}),
        ("text: ${YAML}", {"text": "{a: [1, 2]}"}),
        ("text: ${NESTED}", {"text": "${ONE} $${ONE} ${NOT_SET}"}),
        ("text: ${EMPTY}", {"text": ""}),
        ("text: |\n  a\n  ${WORD}\n", {"text": "a\nabc\n"}),
        ("count: ${ONE}", {"count": 1}),
        ("ratio: ${ONE}", {"ratio": 1.0}),
        ('"on": ${TRUE}', {"on": True}),
        ("names: ${LIST}", {"names": ["${ONE}", 1]}),
        ("context: ${OBJECT}", {"context": {"a": {"b": "${ONE}"}}}),
        ('names: ["${ONE}", "x${ONE}"]', {"names": ["1", "x1"]}),
        ('context: {"${ONE}": "${ONE}"}', {"context": {"${ONE}": "1"}}),
        ("text: ${_a1}", {"text": "x"}),
    ],
)
def test_variables(folder: Folder, text: str, expected: dict[str, Any]) -> None:
    environ = {
        **ENVIRON,
        "YAML": "{a: [1, 2]}",
        "NESTED": "${ONE} $${ONE} ${NOT_SET}",
        "EMPTY": "",
        "TRUE": "true",
        "LIST": '["${ONE}", 1]',
        "OBJECT": '{"a": {"b": "${ONE}"}}',
        "_a1": "x",
    }
    folder.declare()
    found = folder.read(text, **environ)
    assert found == expected
    assert [type(value) for value in found.values()] == [type(v) for v in expected.values()]


def test_what_is_not_used_needs_no_variable(folder: Folder) -> None:
    """The command line wins over the file, and variables such as KFP_HOST over its settings."""
    text = "context: {}\ncount: ${COUNT}\n.settings: {host: '${HOST}', experiment: '${E}'}\n"
    found = folder.run(text, "count=2", KFP_HOST="http://x", KFP_EXPERIMENT="y")
    assert found.parameters == {"context": {}, "count": 2}
    folder.file.write_text(text, encoding="utf-8")
    local = environments.read(
        folder.package, folder.file, ["count=2"], submitting=False, environ={}
    )
    assert local.parameters == {"context": {}, "count": 2} and local.settings == {}


def test_a_byte_order_mark_is_no_part_of_the_file(folder: Folder) -> None:
    assert folder.read("\ufeffcontext: {}") == {"context": {}}


def test_what_is_no_utf8_is_refused(folder: Folder) -> None:
    folder.file.write_bytes(b"text: \xff")
    with pytest.raises(WorkbenchError, match=r"^params/prod\.yaml: it is no UTF-8"):
        params.read_parameters(folder.package, folder.file, [], {})


# make check


def test_check_understands_settings_and_variables(project: Path) -> None:
    """Without the variables."""
    module = project / "pipeline.py"
    signature = "context: dict, count: int = 1, on: bool = True, text: str = ''"
    module.write_text(module.read_text().replace("context: dict", signature))
    (project / "params" / "prod.yaml").write_text(
        """\
context: {a: "${A}", b: "$${B}"}
count: ${COUNT}
"on": ${ON}
text: a ${TEXT}
.settings:
  host: https://${HOST}
  namespace: ${NAMESPACE}
  experiment: nightly ${WHEN}
  service_account: ${ACCOUNT}
  caching: ${CACHING}
"""
    )
    assert [f.text for f in check_project(project) if f.path.startswith("params")] == []
    (project / "params" / "stage.yaml").write_text(
        """\
context: ${CONTEXT
count: 1${COUNT}
text: ${A-b}
nope: 1
.settings:
  host: nowhere
  caching: yes please
  cache: true
  namespace: ${
"""
    )
    found = [f for f in check_project(project) if f.path.startswith("params")]
    assert [f"{f.line}: {f.what}" for f in found] == [
        "1: context: has a ${ without a name and a }",
        "2: count: '1${COUNT}' is text, not a whole number",
        "3: text: has a ${ without a name and a }",
        "4: the pipeline has no parameter 'nope'",
        "6: .settings.host: 'nowhere' is no http or https URL",
        "7: .settings.caching: 'yes please' is text, not true or false",
        "8: .settings has no 'cache'",
        "9: .settings.namespace: has a ${ without a name and a }",
    ]
    assert {f.path for f in found} == {"params/stage.yaml"}


def test_a_run_says_what_the_check_says(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same line, to the letter, for whatever needs no variable and no compiler."""
    assert make(project, "compile").returncode == 0
    text = "context: [1]\nnope: 1\n.settings: {host: nowhere, cache: 1}\n"
    (project / "params" / "prod.yaml").write_text(text)
    found = [f.text for f in check_project(project)]
    package = project / "build" / "pipeline.yaml"
    with pytest.raises(WorkbenchError):
        environments.read(
            package, project / "params" / "prod.yaml", [], submitting=True, environ={}
        )
    assert capsys.readouterr().err.splitlines() == found


def test_the_types_have_their_names() -> None:
    assert set(values.TYPES) == set(KINDS.values())
