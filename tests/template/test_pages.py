"""What owners read: each command in the manual and in a project's README works; it stays short."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from servers.kfp_server import Moment, kfp_server
from shared.baking import PROJECT, TEMPLATE, bake, environment, files_of, make
from shared.manual import MANUAL, TOPICS, blocks, page, shell_lines

PAGES = {"README": PROJECT / "README.md", **{name: MANUAL / f"{name}.md" for name in TOPICS}}
# Commands that want an engine, a registry or a network, and the tests that run them.
ELSEWHERE = {
    "make build": "images/test_engine.py",
    "make build ARGS=--again": "images/test_images.py",
    "make build push": "images/test_engine.py",
    'make build push ARGS="add div"': "images/test_engine.py",
    "make push": "images/test_images.py",
    "make -j4 push": "images/test_images.py",
    "make debug STEP=add PDB=1": "local/test_debugging.py",
    "make shell STEP=add": "local/test_debugging.py",
    "make doctor": "doctor/test_doctor.py",
    "make wheels WHEELS=wheels": "setup/test_steps.py",
    "make setup WHEELS=wheels": "setup/test_setup.py",
    'echo "$REGISTRY_PASSWORD" | docker login -u "$REGISTRY_USER" --password-stdin HOST': "",
}


@pytest.fixture
def ready(project: Path) -> Path:
    """Return a project with what some pages say to begin with."""
    shutil.copyfile(project / "params" / "dev.yaml", project / "params" / "prod.yaml")
    (schedules,) = blocks(page("schedules"), "yaml")
    (project / "schedules.yaml").write_text(schedules, encoding="utf-8")
    return project


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_work(ready: Path, name: str) -> None:
    settings = {"ALLOW_UNPINNED": "1", "RUNNER": "process", "USE_VENV": sys.prefix}
    with kfp_server(script=[Moment("RUNNING"), Moment("SUCCEEDED")]) as server:
        env = environment({**settings, "KFP_HOST": server.url})
        env["PYTHONPATH"] += f":{ready}"  # as the project's own environment has it
        for command in shell_lines(PAGES[name].read_text(encoding="utf-8")):
            if command not in ELSEWHERE:
                here = command.replace(".venv/bin/python", sys.executable)
                result = subprocess.run(
                    ["bash", "-c", here], cwd=ready, env=env, capture_output=True, text=True
                )
                assert result.returncode == 0, (command, result.stdout, result.stderr)


def test_pages_have_the_commands_that_other_tests_run() -> None:
    lines = [shell_lines(path.read_text(encoding="utf-8")) for path in PAGES.values()]
    assert {*ELSEWHERE} <= {command for commands in lines for command in commands}
    assert all((TEMPLATE / "tests" / name).exists() for name in ELSEWHERE.values())


def test_pages_tell_of_all_that_make_takes_in() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    lists = {name: re.findall(rf"^{name} := (.*)", makefile, re.M) for name in ("SIGN_IN", "TAKEN")}
    own = re.findall(r"^(\w+) \?=", makefile, re.M)
    taken = {*" ".join(lists["TAKEN"]).split(), *own} - {"$(SIGN_IN)"}
    told = page("parameters")
    assert {"PYTHON", "REGISTRY", "ENV"} <= taken
    assert not [name for name in taken - {"TOPIC"} if f"`{name}`" not in told]
    signing_in = page("cluster").partition("## Signing in")[2]
    assert not [name for name in lists["SIGN_IN"][0].split() if f"`{name}`" not in signing_in]


def test_the_recipe_for_a_version_on_every_merge(project: Path) -> None:
    (text,) = (block for block in blocks(page("company"), "yaml") if block.startswith("on: "))
    recipe = yaml.safe_load(text)
    assert recipe["permissions"] == {"contents": "read"}
    assert recipe[True] == {"push": {"branches": ["main"]}}, "YAML reads `on` so"
    (job,) = recipe["jobs"].values()
    assert {name: f"${{{{ secrets.{name} }}}}" for name in job["env"]} == job["env"]
    _, login, upload = [step.get("run", "") for step in job["steps"]]
    assert set(job["env"]) == {"KFP_HOST", "KFP_TOKEN", *re.findall(r"\$(\w+)", login)}
    assert f"run: {upload}\n" in text and upload == "make push upload"
    result = make(
        project, *upload.split()[1:], env={"DOCKER": "false", "REGISTRY": "127.0.0.1:1/x"}
    )
    assert result.returncode != 0 and not (project / "build" / "pipeline.yaml").exists(), (
        "images come first: what is uploaded names their digests"
    )


def test_what_an_owner_reads_is_short(default: Path) -> None:
    lines = {name: text.count(b"\n") for name, text in files_of(default).items()}
    assert lines["README.md"] <= 70 and lines["Makefile"] <= 68


def test_what_an_owner_keeps_is_little(tmp_path: Path) -> None:
    """The lock file and the package's wheel are no reading."""
    texts = {name: text for name, text in files_of(bake(tmp_path)).items() if name[:7] != "vendor/"}
    lines = {name: text.count(b"\n") for name, text in texts.items()}
    assert len(lines) + 1 <= 35, lines
    assert sum(lines.values()) - lines["requirements-dev.txt"] <= 1131, lines
