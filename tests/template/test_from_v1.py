"""docs/from-v1.md: what it says does what it says."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from servers.kfp_server import kfp_server
from shared.baking import PROJECT, TEMPLATE, environment
from shared.manual import page

DOCUMENT = (TEMPLATE / "docs" / "from-v1.md").read_text(encoding="utf-8")


def test_its_commands_do_what_the_article_did(project: Path) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.M | re.S)
    build, *commands = block.splitlines()
    assert build == "make build push"  # which needs an engine: test_engine
    with kfp_server() as server:
        results = {command: shell(project, command, server.url) for command in commands}
        (experiment,), (run,), (pipeline,) = server.experiments, server.runs, server.pipelines
    printed = [json.loads(result) for result in results.values()]
    local, submitted, uploaded = printed
    assert local["Output"]["average"] == 2.5
    assert experiment["display_name"] == "Averages"
    assert experiment["description"] == "Averages of short lists"
    assert run["display_name"] == "first" and run["experiment_id"] == experiment["experiment_id"]
    assert run["runtime_config"] == {"parameters": {"context": {"numbers": [1, 2, 3, 4]}}}
    assert submitted["run_id"] == run["run_id"] and run["run_id"] in submitted["url"]
    assert uploaded["pipeline_id"] == pipeline["pipeline_id"] and uploaded["created"] is True


def shell(project: Path, command: str, host: str) -> str:
    """Run a command as a person types it; returns what it prints to stdout."""
    more = {"KFP_HOST": host, "ALLOW_UNPINNED": "1", "RUNNER": "process"}
    words = ["bash", "-c", f"{command} USE_VENV={sys.prefix}"]
    result: Any = subprocess.run(
        words, cwd=project, env=environment(more), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return str(result.stdout)


def test_it_names_targets_settings_and_files_that_there_are(default: Path) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.M))
    named = {word for words in re.findall(r"`make ([a-z ]+)", DOCUMENT) for word in words.split()}
    assert named == {"build", "compile", "local", "push", "run", "step", "upload"} <= targets
    for variable in set(re.findall(r"KFP_[A-Z]+", DOCUMENT)):
        assert f"`{variable}`" in page("parameters"), variable
    for path in re.findall(r"`((?:steps|params)/[a-z./]*)`", DOCUMENT):
        assert (default / path).exists(), path


def test_the_readme_links_to_it() -> None:
    assert "](docs/from-v1.md)" in (TEMPLATE / "README.md").read_text(encoding="utf-8")
