"""The grammars of names (kfp_workbench.project.names): what is taken, what is refused, in which words."""

import ast

import pytest

from kfp_workbench.project import names
from kfp_workbench.scaffold import chains, ports
from shared.baking import PROJECT, TEMPLATE

GOOD_REGISTRIES = [
    "localhost:5000/calculate-average",
    "localhost",
    "team",
    "team/sub",
    "ghcr.io/team/sub_dir/x--y",
    "registry.example.com:443/a.b/c__d",
    "127.0.0.1:5000/a",
    "[::1]:5000/a",
    "europe-west1-docker.pkg.dev/project-1/repository",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team",
]
BAD_REGISTRIES = {
    "": "is empty",
    "http://localhost:5000/a": "has a scheme",
    "oci://x/a": "has a scheme",
    "localhost:5000/a:1.0": "has a tag: leave ':1.0' off",
    "a@sha256:00": "has an @",
    "user:secret@host/a": "has an @",
    "localhost:5000/": "ends with a slash",
    "Localhost:5000/a": "has upper case: write 'localhost:5000/a'",
    "localhost:99999/a": "has the port '99999'",
    "localhost:0/a": "has the port '0'",
    "localhost:x/a": "has the port 'x'",
    "localhost:/a": "has the port ''",
    "localhost:5000//a": "has the part ''",
    "localhost:5000/a..b": "has the part 'a..b'",
    "localhost:5000/-a": "has the part '-a'",
    "localhost:5000/a_": "has the part 'a_'",
    "localhost:5000/a___b": "has the part 'a___b'",
    "-host.com/a": "has a malformed host",
    "a b": "has the part 'a b'",
    "$(touch x)": "has the part",
    "host.com/" + "a" * 200: "at most 191",
}


@pytest.mark.parametrize("registry", GOOD_REGISTRIES)
def test_registry_is_taken(registry: str) -> None:
    assert names.registry_problem(registry) is None


@pytest.mark.parametrize(("registry", "words"), BAD_REGISTRIES.items())
def test_registry_is_refused(registry: str, words: str) -> None:
    assert words in str(names.registry_problem(registry))


@pytest.mark.parametrize(
    "image",
    [
        "python:3.12-slim",
        "ghcr.io/a/b:1",
        "localhost:5000/python:3",
        "python@sha256:" + "0" * 64,
        "python:latest@sha256:" + "0" * 64,
    ],
)
def test_base_image_is_taken(image: str) -> None:
    assert names.image_problem(image) is None


@pytest.mark.parametrize(
    ("image", "words"),
    {
        "": "is empty",
        "python": "has no tag",
        "localhost:5000/python": "has no tag",
        "python:latest": "is a moving target",
        "python:": "malformed tag",
        "python:a b": "malformed tag",
        "python:" + "a" * 129: "malformed tag",
        "Python:3": "upper case",
        "http://python:3": "scheme",
        ":3": "is malformed",
        "python@sha256:12": "malformed digest",
        "python:3\nRUN x": "malformed tag",
    }.items(),
)
def test_base_image_is_refused(image: str, words: str) -> None:
    assert words in str(names.image_problem(image))


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080",
        "https://kfp.example.com/pipeline",
        "http://[::1]:8080/",
        "http://10.0.0.1",
    ],
)
def test_host_is_taken(url: str) -> None:
    assert names.host_problem(url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    {
        "": "is empty",
        "localhost:8080": "is no http or https URL",
        "ftp://x": "is no http or https URL",
        "http://": "is no http or https URL",
        "http://x:99999": "is no URL",
        "http://x:0": "is no http or https URL",
        "http://x y": "has a character",
        "http://x?y": "has a query",
        "http://x#y": "has a query",
        "http://x'y": "has a character",
        "http://[x": "is no URL",
        "http://a,b": "malformed host",
        "http://a..b": "malformed host",
        "http://.": "malformed host",
        f"https://{'a' * 64}.example.com": "malformed host",
    }.items(),
)
def test_host_is_refused(url: str, words: str) -> None:
    assert words in str(names.host_problem(url))


def test_a_login_in_a_host_is_refused_and_not_repeated() -> None:
    problem = names.host_problem("http://me:hunter2@x")
    assert problem is not None and "login" in problem and "hunter2" not in problem


@pytest.mark.parametrize(
    ("typed", "step"),
    {
        "Load data": "load_data",
        "load-data": "load_data",
        " LoadData ": "load_data",
        "load__data_": "load_data",
        "STEP 2": "step_2",
    }.items(),
)
def test_step_is_normalised(typed: str, step: str) -> None:
    assert names.normalise_step(typed) == step
    assert names.step_problem(step) is None


@pytest.mark.parametrize(
    ("step", "words"),
    {
        "": "is empty",
        "2nd": "is not a valid name",
        "données": "is not a valid name",
        "a;b": "is not a valid name",
        "../a": "is not a valid name",
        "x" * 64: "has 64 characters",
        "class": "Python keyword",
        "lambda": "Python keyword",
        "kfp": "would shadow",
        "json": "would shadow",
        "common": "would shadow",
        "context": "would shadow",
        "dict": "would shadow",
    }.items(),
)
def test_step_is_refused(step: str, words: str) -> None:
    assert words in str(names.step_problem(step))


def test_steps_are_refused_when_there_twice_after_normalisation() -> None:
    steps = names.split_steps("Load data, load-data, x")
    assert names.steps_problems(steps) == [
        "'load_data' is there 2 times: give each step its own name"
    ]


@pytest.mark.parametrize("slug", ["a", "calculate-average", "a-", "a1--b", "x" * 63])
def test_slug_is_taken(slug: str) -> None:
    assert names.slug_problem(slug) is None


@pytest.mark.parametrize(
    "slug", ["", "A", "1a", "a_b", "-a", "x" * 64, "class", "kfp", "../a", "."]
)
def test_slug_is_refused(slug: str) -> None:
    assert names.slug_problem(slug)


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "\x00", "\x1b[31m", "\u2028", "\ud800", "\x85"])
def test_text_with_control_characters_is_refused(text: str) -> None:
    problem = names.text_problem(text)
    assert problem is not None and "U+" in problem and problem.isprintable()


def test_no_step_can_shadow_what_the_project_imports() -> None:
    """RESERVED holds every module that a plain file of the project imports."""
    imported = set()
    files = [path for path in PROJECT.rglob("*.py") if "templates" not in path.parts]
    for path in [*files, *TEMPLATE.glob("starters/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    pipeline = ast.parse(chains.pipeline_module("x", ["zzz"]))
    used = {node.id for node in ast.walk(pipeline) if isinstance(node, ast.Name)}
    used |= {node.arg for node in ast.walk(pipeline) if isinstance(node, ast.arg)}
    used |= {"step", *ports.PARAMETERS}  # in each main.py, and as types of a pipeline's parameters
    needed = {name for name in imported | used if name.islower() and not name.startswith("zzz")}
    assert {name for name in needed if not name.startswith("_")} - names.RESERVED == set()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m\tand plain é", "\x1b[1;31mred\x1b[0m\tand plain é"),
        ("\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H"),  # clears the screen
        ("\x1b]52;c;bWFsaWNl\x07", "\\x1b]52;c;bWFsaWNl\\x07"),  # fills the clipboard
        ("\x9b2Jx\x00\x08", "\\x9b2Jx\\x00\\x08"),
        ("a\u202eb", "a\\u202eb"),  # turns the line around
    ],
)
def test_a_line_of_others_rules_no_terminal(text: str, shown: str) -> None:
    assert names.on_screen(text) == shown
