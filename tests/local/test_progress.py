"""How a local run shows itself: a live table in a terminal, plain lines elsewhere."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kfp_workbench.local import progress
from shared.baking import bake, environment, make
from shared.terminal import ANSI


def in_terminal(project: Path, *words: str, **env: str) -> tuple[int, str, str]:
    """Run a verb with stderr in a terminal; returns status, stdout and all that was shown."""
    ours, theirs = pty.openpty()
    environ = environment({"TERM": "xterm", "COLUMNS": "90", "LINES": "30", **env})
    with subprocess.Popen(
        [sys.executable, "-m", "kfp_workbench", *words],
        cwd=project,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            ready, _, _ = select.select([ours], [], [], 60)
            try:
                chunk = os.read(ours, 65536) if ready else b""
            except OSError:  # the other end is closed
                chunk = b""
            if not chunk:
                break
            shown += chunk
        out = process.stdout.read() if process.stdout else ""
    os.close(ours)
    return process.returncode, out, ANSI.sub("", shown.decode().replace("\r", ""))


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = bake(tmp_path_factory.mktemp("progress"))
    script = project / "steps" / "add" / "main.py"
    slow = "import logging\nimport time\n\ntime.sleep(0.7)  # long enough to be seen running\n"
    script.write_text(script.read_text().replace("import logging\n", slow, 1))
    assert make(project, "compile").returncode == 0
    return project


def test_a_terminal_shows_a_table_and_no_logs(ready: Path) -> None:
    status, out, shown = in_terminal(ready, "local", "--runner", "process")
    assert status == 0 and '"average": 2.5' in out
    assert re.search(r"▸ +Add +\d\.\d s\n. +Div", shown), "while it runs"
    assert re.search(r"✓ +Add +\d\.\d s *\n✓ +Div +\d\.\d s", shown)
    assert "added up" not in shown and "{" not in shown
    assert shown.splitlines()[-1] == str(ready / "build" / "report.html")


def test_logs_are_shown_if_asked_for(ready: Path) -> None:
    _, _, shown = in_terminal(ready, "local", "--runner", "process", V="1")
    assert "add | INFO added up 4 numbers" in shown
    assert re.search(r"✓ +Add", shown)


def test_logs_of_a_failed_step_are_shown_beneath(ready: Path) -> None:
    words = ("local", "--runner", "process", "-p", 'context={"numbers": []}')
    status, out, shown = in_terminal(ready, *words)
    assert status == 1 and out == ""
    table, _, beneath = shown.partition("The last lines of add:")
    assert re.search(r"✗ +Add +\d\.\d s *\n- +Div", table), "what was not reached has no time"
    assert beneath.splitlines()[1] == (
        "  add: context: numbers: expected a list with at least one number"
    )
    error, page, cure = beneath.splitlines()[-3:]
    assert error.startswith("error:") and page.startswith(str(ready))
    assert cure == "to debug it: make debug STEP=add PDB=1"


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_can_do_little_gets_lines(ready: Path, term: str) -> None:
    _, _, shown = in_terminal(ready, "local", "--runner", "process", TERM=term)
    assert re.search(r"^\d\d:\d\d:\d\d add: started$", shown, re.M)
    assert "▸" not in shown


def test_without_a_terminal_each_line_has_its_time(ready: Path) -> None:
    result = make(ready, "local", "RUNNER=process")
    lines = re.sub(r"\d\d:\d\d:\d\d|\d+\.\d\d s", "*", result.stderr).splitlines()
    assert "\n".join(line for line in lines if not line.startswith("compiled ")) == (
        "* running calculate-average as processes (RUNNER=process)\n"
        "* add: started\n         add | INFO added up 4 numbers\n* add: succeeded after *\n"
        "* div: started\n         div | INFO the average is 2.5\n* div: succeeded after *\n"
        f"{ready}/build/report.html"
    )


def row(state: str = "", running: int = 0, done: int = 0) -> progress._Row:
    made = progress._Row(progress.Place(("t",), "T", 0))
    made.done = [(state or "succeeded", 1.0)] * done
    made.running = {str(number): time.monotonic() for number in range(running)}
    return made


@pytest.mark.parametrize(
    ("given", "state", "count"),
    [
        (row(), "waiting", ""),
        (row(running=1), "running", ""),
        (row(done=1), "succeeded", ""),
        (row("failed", done=1, running=1), "failed", "1 of 2 so far"),
        (row("reused", done=3), "reused", "3 times"),
        (row(done=2, running=2), "running", "2 of 4 so far"),
    ],
)
def test_a_row_tells_of_all_executions(given: progress._Row, state: str, count: str) -> None:
    assert (given.state, given.count) == (state, count)


def test_an_execution_that_is_reused_ends_no_other() -> None:
    table = progress.Table([progress.Place(("t",), "T", 0)], verbose=False)
    try:
        table.begun(("t",), "t (loop[0])")
        table.ended(("t",), "t (loop[1])", "reused", 0.0)
        (row,) = table._rows.values()
        assert (row.state, row.count) == ("running", "1 of 2 so far")
        table.ended(("t",), "t (loop[0])", "succeeded", 1.0)
        assert (row.state, row.count) == ("succeeded", "2 times")
    finally:
        table.close()


def test_a_small_screen_shows_what_matters() -> None:
    rows = [row(done=1) for _ in range(50)] + [row("failed", done=1), row(running=1)]
    rows += [row() for _ in range(10)]
    kept = progress._fitting(rows, 6)
    assert [item.state for item in kept] == ["failed", "running", *["waiting"] * 3]
    assert progress._fitting(rows, 100) == rows


def test_what_steps_print_rules_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    lines = progress.Lines()
    lines.line("a\x1b[2J", "\x1b[31mred\x1b[0m \x1b]0;title\x07")
    assert capsys.readouterr().err.strip() == "a\\x1b[2J | \x1b[31mred\x1b[0m \\x1b]0;title\\x07"
