"""``make help`` and the manual: every page is shown, and every topic named."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kfp_workbench.commands import help as manual
from shared.baking import PROJECT, TEMPLATE, environment, make
from shared.manual import TOPICS, page
from shared.terminal import ANSI

TARGETS = re.findall(r"^([a-z]+):.*## ", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.M)
READERS = [PROJECT / "README.md", TEMPLATE / "README.md"]


def test_help_is_the_default_and_names_targets_and_topics(default: Path) -> None:
    result = make(default)
    *lines, last = result.stdout.splitlines()
    targets = [line.split()[0] for line in lines]
    assert targets == [
        *("help", "setup", "local", "report", "debug", "shell", "step", "component", "lock"),
        *("check", "test", "lint", "compile", "graph", "build", "push", "doctor", "run", "upload"),
        *("schedule", "manifest", "wheels", "clean"),
    ]
    assert all(len(line[12:]) <= 60 for line in lines)
    assert last == f"TOPIC= is one of: {' '.join(TOPICS)}"


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_is_printed_as_it_is(default: Path, topic: str) -> None:
    result = make(default, "help", f"TOPIC={topic}")
    assert (result.returncode, result.stdout) == (0, page(topic))
    assert manual.topics() == TOPICS


def test_a_page_is_rendered_in_a_terminal(default: Path) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "kfp_workbench", "help", "kubernetes"]
    env = environment({"TERM": "xterm", "COLUMNS": "300", "NO_COLOR": ""})
    with subprocess.Popen(words, cwd=default, env=env, stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while more := os.read(ours, 65536):
                shown += more
        except OSError:  # the other end is closed
            os.close(ours)
    assert process.returncode == 0
    lines = ANSI.sub("", shown.decode()).splitlines()
    assert lines[0].strip() == "Resources, secrets, retries: kubernetes.yaml"
    assert max(map(len, lines)) == 100 and b"\x1b[" in shown
    assert "`" not in "".join(lines) and "|---" not in "".join(lines)


def test_an_unknown_topic_is_one_line(default: Path) -> None:
    words = [sys.executable, "-m", "kfp_workbench", "help", "runs"]
    result = subprocess.run(words, cwd=default, env=environment(), capture_output=True, text=True)
    line = f"error: TOPIC='runs': choose one of {', '.join(TOPICS)}\n"
    assert (result.returncode, result.stdout, result.stderr) == (2, "", line)


def test_a_teams_own_targets_are_listed_and_set_up(project: Path) -> None:
    (example,) = re.findall(r"^```make\n(.*?)^```", page("company"), re.M | re.S)
    (project / "local.mk").write_text(example.replace("docker", "process"), encoding="utf-8")
    assert "\n  nightly   what runs here at night\n" in make(project).stdout
    result = make(project, "nightly")
    assert result.returncode == 0 and '"average": 2.5' in result.stdout


@pytest.mark.parametrize(
    "text",
    [*map(page, TOPICS), *(path.read_text() for path in READERS)],
    ids=[*TOPICS, "project", "template"],
)
def test_pages_name_targets_and_topics_that_there_are(text: str) -> None:
    named = re.findall(r"(?:`|^)make (?:-\S+ )*([a-z]+)", text, re.M)
    assert named and {*named} <= {*TARGETS, "demo", "bench", "conformance", "wheel"}
    assert {*re.findall(r"TOPIC=([a-z]+)", text)} <= {*TOPICS}


@pytest.mark.parametrize(
    ("reader", "link"),
    zip(READERS, [r"`([a-z]+)`\s\(", r"\]\(kfp_workbench/manual/([a-z]+)\.md\)"], strict=True),
    ids=["project", "template"],
)
def test_the_readmes_lead_to_every_page(reader: Path, link: str) -> None:
    assert sorted(re.findall(link, reader.read_text(encoding="utf-8"), re.M)) == TOPICS
