"""What a step's image holds of the project, told from its Dockerfile."""

from pathlib import Path

import pytest

from kfp_workbench.images import layout
from kfp_workbench.project.steps import Step

FILES = (
    "common/__init__.py",
    "common/sub/deep.py",
    "steps/add/main.py",
    "steps/add/helper.py",
    "steps/add/table.json",
    "steps/add/requirements.txt",
)
COMMON = {"/app/common/__init__.py": FILES[0], "/app/common/sub/deep.py": FILES[1]}
MAIN, HELPER = {"/app/main.py": FILES[2]}, {"/app/helper.py": FILES[3]}
DOCKERFILE = "steps/add/Dockerfile"
FROM = "FROM python:3.12-slim\n"


def project_of(root: Path, dockerfile: str | None, ignored: str = "*\n!common\n!steps") -> Step:
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (root / ".dockerignore").write_text(ignored)
    step = Step("add", root / "steps" / "add")
    if dockerfile is not None:
        (step.folder / "Dockerfile").write_text(dockerfile)
    return step


def held(root: Path, step: Step, build_args: dict[str, str] | None = None) -> dict[str, str]:
    found = layout.read(step, root, build_args)
    return {name: path.relative_to(root).as_posix() for name, path in found.files.items()}


@pytest.mark.parametrize(
    ("copied", "expected"),
    {
        "a new step's": ("COPY common/ common/\nCOPY steps/add/*.py ./", COMMON | MAIN | HELPER),
        "one file to a folder": ("COPY steps/add/main.py ./", MAIN),
        "one file to where it runs": ("COPY steps/add/main.py .", MAIN),
        "another name": ("COPY steps/add/helper.py main.py", {"/app/main.py": FILES[3]}),
        "several files": ('COPY ["steps/add/main.py", "steps/add/helper.py", "./"]', MAIN | HELPER),
        "what is in a folder": (
            "COPY steps/add/ .",
            {f"/app/{Path(name).name}": name for name in (*FILES[2:], DOCKERFILE)},
        ),
        "folders of a pattern": (
            "COPY commo* /lib/",
            {"/lib/__init__.py": FILES[0], "/lib/sub/deep.py": FILES[1]},
        ),
        "an absolute place": ("COPY steps/add/main.py /opt/x/", {"/opt/x/main.py": FILES[2]}),
        "a place by variables": (
            "ARG PLACE=/srv\nENV TO=${PLACE}/code\nWORKDIR $TO\nCOPY steps/add/main.py ./",
            {"/srv/code/main.py": FILES[2]},
        ),
        "a working folder in another": (
            "WORKDIR src\nCOPY steps/add/main.py ./",
            {"/app/src/main.py": FILES[2]},
        ),
        "ADD": ("ADD --chown=1:1 steps/add/main.py ./", MAIN),
        "a stage's": (
            "COPY steps/add/main.py ./\nFROM scratch\nWORKDIR /app\nCOPY --from=0 /app /app",
            MAIN,
        ),
        "a stage by its name": (
            f"{FROM.strip()} AS code\nCOPY steps/add/main.py /x/\n{FROM}COPY --from=code /x/main.py /app/",
            MAIN,
        ),
        "what a stage begins with": (
            f"{FROM.strip()} AS code\nWORKDIR /app\nCOPY steps/add/main.py ./\nFROM code",
            MAIN,
        ),
    }.values(),
)
def test_files_are_where_the_dockerfile_puts_them(
    tmp_path: Path, copied: str, expected: dict[str, str]
) -> None:
    step = project_of(tmp_path, f"{FROM}WORKDIR /app\n{copied}\n")
    assert held(tmp_path, step) == expected


def test_what_the_engine_does_not_get_is_in_no_image(tmp_path: Path) -> None:
    ignored = "*\n!common/**/*.py\n!steps/*/*.py"
    step = project_of(tmp_path, f"{FROM}WORKDIR /app\nCOPY steps/add/ ./\n", ignored)
    assert "/app/table.json" not in held(tmp_path, step)
    assert held(tmp_path, step) == {
        **(MAIN | HELPER),
        "/app/Dockerfile": DOCKERFILE,
    }


def test_build_arguments_count(tmp_path: Path) -> None:
    step = project_of(tmp_path, f"{FROM}ARG PLACE=/a\nWORKDIR $PLACE\nCOPY steps/add/main.py ./\n")
    assert list(held(tmp_path, step)) == ["/a/main.py"]
    assert list(held(tmp_path, step, {"PLACE": "/b"})) == ["/b/main.py"]


@pytest.mark.parametrize(
    "dockerfile", [None, f"{FROM}RUN git clone https://example.com/code /app\n"]
)
def test_an_image_that_cannot_be_followed_is_as_a_new_steps(
    tmp_path: Path, dockerfile: str | None
) -> None:
    found = layout.read(project_of(tmp_path, dockerfile), tmp_path)
    assert found.folder == "/app"
    assert {"/app/main.py", "/app/common/__init__.py"} <= found.files.keys()


@pytest.mark.parametrize(
    ("more", "writable"),
    [
        ("", True),
        ("USER 0", True),
        ("USER root:root", True),
        ("USER 65532:0", False),
        ("RUN chown 65532 /app\nUSER 65532:0", True),
        ("COPY --chown=65532 common/ common/\nUSER 65532", True),
        ("RUN pip install x\nUSER 65532:0", False),
    ],
)
def test_who_may_write_there(tmp_path: Path, more: str, writable: bool) -> None:
    step = project_of(tmp_path, f"{FROM}WORKDIR /app\nCOPY steps/add/main.py ./\n{more}\n")
    assert layout.read(step, tmp_path).is_writable is writable


def test_where_python_looks_for_modules(tmp_path: Path) -> None:
    text = f"{FROM}ENV PYTHONPATH=/lib:/more A=b\nCOPY common/ /lib/common/\n"
    assert layout.read(project_of(tmp_path, text), tmp_path).search == ["/lib", "/more"]
