"""The template's own repository: its READMEs, lock files and CI say what is true."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kfp_workbench.setup import inventory, locks, markers
from shared.baking import PROJECT, TEMPLATE, bake, environment, make
from shared.manual import shell_lines


def timeless(text: str) -> str:
    """Return a log without what changes from run to run."""
    return re.sub(r"\d\d:\d\d:\d\d|\d+\.\d\d s", "*", text)


def test_the_demo_prints_what_the_readme_shows() -> None:
    readme = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```console\n\$ make demo\n(.*?)^```", readme, re.M | re.S)
    result = subprocess.run(
        ["make", "-s", "demo", f"USE_VENV={sys.prefix}"],
        cwd=TEMPLATE,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0
    lines = result.stdout.replace(str(TEMPLATE), "/…").splitlines()
    # Where this machine has not the Python of the base image, a line says so.
    printed = [line for line in lines if " on Python 3." not in line]
    assert timeless("\n".join(printed[-len(shown.splitlines()) :]) + "\n") == timeless(shown)
    assert json.loads(printed[-2])["Output"]["average"] == 2.5


def test_a_clone_may_have_spaces_in_its_path(tmp_path: Path) -> None:
    clone = tmp_path / "a b" / "the template"
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__")
    shutil.copytree(TEMPLATE, clone, ignore=ignored)
    words = ["make", "-s", "demo", f"USE_VENV={sys.prefix}"]
    result = subprocess.run(words, cwd=clone, env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["Output"]["average"] == 2.5


def test_the_commands_of_the_readme_work(tmp_path: Path) -> None:
    readme = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    generate, folder, *commands = shell_lines(readme)
    assert generate == ".venv/bin/cookiecutter --output-dir .. ."
    words = [sys.executable, "-m", *generate.removeprefix(".venv/bin/").split()]
    words[words.index("..")] = str(tmp_path)
    environ = environment()
    subprocess.run(words, cwd=TEMPLATE, input="\n" * 9, text=True, check=True, env=environ)
    project = tmp_path / folder.removeprefix("cd ../")
    for command in commands:
        assert make(project, *command.split()[1:]).returncode == 0, command


@pytest.mark.parametrize(
    ("target", "module"), [("bench", "bench"), ("conformance", "conformance.__main__")]
)
def test_what_takes_minutes_begins(target: str, module: str) -> None:
    words = ["make", "-n", target, f"USE_VENV={sys.prefix}"]
    shown = subprocess.run(
        words, cwd=TEMPLATE, env=environment(), stdout=subprocess.PIPE, text=True
    )
    python, there, _ = shown.stdout.splitlines()[-1].partition(f" -m {target}")
    assert there, shown.stdout
    begun = ["sh", "-c", f"{python} -c 'import {module}'"]
    subprocess.run(begun, cwd=TEMPLATE, env=environment(), check=True)


def test_the_readme_names_every_target_and_question() -> None:
    readme = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    help_text = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^([a-z]+):.*## ", help_text, re.M):
        assert target == "help" or f"`make {target}" in readme, target
    for question in json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8")):
        assert question.startswith("_") or f"`{question}`" in readme, question


LOCKS = {
    "project": PROJECT / "requirements-dev.txt",
    "demo": TEMPLATE / "requirements.txt",
    "tests": TEMPLATE / "requirements-dev.txt",
}


def test_the_lock_files_agree() -> None:
    """So that one environment can hold them all, and serves the projects that tests make."""
    values = inventory.ask(Path(sys.executable)).markers
    lines = markers.applying(locks.read(list(LOCKS.values())), values)
    versions = {(line.name, line.version) for line in lines}
    assert len(versions) > 60
    assert len({name for name, _ in versions}) == len(versions)


@pytest.mark.parametrize("path", LOCKS.values(), ids=LOCKS)
def test_lock_files_have_hashes_and_no_address(path: Path) -> None:
    lock = path.read_text(encoding="utf-8")
    for requirement in re.split(r"\n(?=\S)", lock.strip()):
        assert "--hash=sha256:" in requirement, requirement
    assert "://" not in lock and "--index" not in lock


def test_what_builds_sources_is_locked() -> None:
    """kfp-server-api is published as sources alone."""
    lines = locks.read([LOCKS["project"]])
    assert "setuptools" in [line.name for line in lines]


def test_macs_with_an_intel_processor_need_no_compiler() -> None:
    """The only package without a wheel for them is locked in an older version there."""
    mac = {"sys_platform": "darwin", "platform_machine": "x86_64"}
    values = {**inventory.ask(Path(sys.executable)).markers, **mac}
    (found,) = [
        line.version
        for line in markers.applying(locks.read([LOCKS["project"]]), values)
        if line.name == "cryptography"
    ]
    assert int(found.split(".")[0]) < 49


def test_workflows_pin_their_permissions(tmp_path: Path) -> None:
    project = bake(tmp_path)
    for path in (
        TEMPLATE / ".github" / "workflows" / "test.yml",
        project / ".github" / "workflows" / "pipeline.yml",
    ):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {"contents": "read"}
        commands = [
            step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]
        ]
        assert "make lint test" in commands


def test_nothing_but_the_two_files_has_placeholders() -> None:
    found = {
        path.relative_to(PROJECT).as_posix()
        for path in PROJECT.rglob("*")
        if path.is_file() and "<< cookiecutter" in path.read_text(encoding="utf-8")
    }
    assert found == {"README.md", "pyproject.toml"}


# What a newcomer asks, the words that answer it in the table of rooms, and what is found there.
TOUR = {
    "where is a container started?": ("how a container", "local.containers:ContainerRunner"),
    "where is a schedule's cron checked?": ("schedules and their cron", "cluster.cron:parse"),
    "where is a content tag computed?": ("content tags", "project.steps:content_tag"),
    "where is a placeholder resolved?": ("{{$.inputs…}}", "local.placeholders:resolve"),
    "where is a token read?": ("tokens", "cluster.signin:credentials"),
    "where is a lock file made?": ("how lock files are made", "images.locking:lock"),
    "where is a wheel packed?": ("packing the wheel", "scaffold.packing:pack"),
    "where is a bad answer refused?": ("answers are refused", "scaffold.refusals:problems"),
    "where is the report written?": ("how the page is written", "report.page:render"),
    "where is pip or uv chosen?": ("pip and uv", "setup.installers:choose"),
    "where is a signature read?": ("Python that is read", "project.signatures:read"),
    "where is kfp's compiler put right?": ("compiler gets wrong", "pipeline.curing:cure"),
    "where is a finding's line from?": ("which line of `pipeline.py`", "pipeline.origins:noted"),
    "where is a file fitted to a server?": ("an older server", "pipeline.fitting:fit"),
}


@pytest.mark.parametrize(("words", "found"), TOUR.values(), ids=TOUR)
def test_the_table_of_rooms_leads_there(words: str, found: str) -> None:
    """And nowhere else."""
    text = (TEMPLATE / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.split("### The package's rooms")[1]
    rows = [line for line in table.splitlines() if line.startswith("|") and words in line]
    module, _, name = found.partition(":")
    assert [row.split("`")[1] for row in rows] == [f"{module.split('.')[0]}/"]
    assert hasattr(importlib.import_module(f"kfp_workbench.{module}"), name)


def test_the_linters_pass() -> None:
    result = subprocess.run(
        ["make", "-s", "lint", f"USE_VENV={sys.prefix}"],
        cwd=TEMPLATE,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
