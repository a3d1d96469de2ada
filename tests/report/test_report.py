"""`make report`: the page of a local run, as people, browsers and screen readers meet it.

Screenshots are kept in build/screenshots/.
"""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from kfp_workbench import report
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import record
from kfp_workbench.local.artifacts import STORE
from kfp_workbench.local.execution import Run, Setting
from kfp_workbench.report import frames, page, text
from shared import typed
from shared.baking import bake, environment, make
from shared.browsing import Browser
from shared.flows import Maker
from shared.serving import Handler, listening

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
FLOW = '''\
"""Loops over letters, and joins them if there are many."""

from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"
load = load_component_from_file(str(STEPS / "load" / "component.yaml"))


@dsl.pipeline(name="flow")
def pipeline(context: dict, letters: list[str], limit: int) -> dict:
    loaded = load(context=context)
    loaded.set_display_name("Load")
    with dsl.ParallelFor(letters, name="letters") as letter:
        each = load(context={"letter": letter})
        each.set_display_name("Each")
    with dsl.If(limit > 10, name="many"):
        more = load(context=loaded.output)
        more.set_display_name("More")
    return loaded.output
'''


def local(project: Path, *words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
    result = make(project, "local", "RUNNER=process", *words, env=NO_ENGINE)
    assert (result.returncode != 0) == (status != 0), result.stderr
    return result


def page_of(project: Path) -> Path:
    return project / report.PATH


def last_line(stderr: str) -> str:
    return [line for line in stderr.splitlines() if not line.startswith("make:")][-1]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that ran: with artifacts, metrics, plots and pages."""
    folder = tmp_path_factory.mktemp("good")
    project = typed.make_project(folder)
    local(project)
    return project


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that ran a loop and skipped a condition."""
    project = bake(
        tmp_path_factory.mktemp("flow"), starter="blank", project_slug="flow", steps="load"
    )
    (project / "pipeline.py").write_text(FLOW, encoding="utf-8")
    values = {"context": {"a": 1}, "letters": list("xyz"), "limit": 3}
    (project / "params" / "dev.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    local(project)
    return project


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose first step failed."""
    project = bake(tmp_path_factory.mktemp("failed"))
    (project / "params" / "dev.yaml").write_text("context: {numbers: [1, 'two']}\n")
    local(project, status=2)
    return project


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of sixty steps that ran."""
    steps = ", ".join(f"step {number}" for number in range(1, 61))
    project = bake(
        tmp_path_factory.mktemp("sixty"), starter="blank", project_slug="sixty", steps=steps
    )
    local(project)
    return project


# What it says


def test_a_good_run(good: Path, browser: Browser) -> None:
    browser.open(page_of(good))
    assert browser.page.title() == "Succeeded: Calculate Average"
    rows = browser.run(
        "return [...document.querySelectorAll('.steps tbody tr')].map(r => r.innerText)"
    )
    assert [row.split("\t")[0] for row in rows] == ["make", "read"]
    assert all("Succeeded" in row for row in rows)
    inputs = browser.run("return document.querySelectorAll('.steps details')[1].innerText")
    assert re.search(r"^[0-9]+ inputs?", inputs)
    metrics = browser.run("return document.querySelector('#metrics').parentElement.innerText")
    assert re.search(r"accuracy\s+count\s+make\s+0.97\s+3", metrics)
    artifacts = browser.run("return document.querySelector('#artifacts').parentElement.innerText")
    assert re.search(r"dataset\s+Dataset\s+make\s+6 bytes", artifacts)
    assert re.search(r"model\s+Model\s+make\s+2 bytes in 1 file\b", artifacts)
    assert re.search(r"metrics\s+Metrics\s+make\s+no file", artifacts)
    for heading in ("Outputs", "Parameters", "make: evaluation", "make: html", "make: markdown"):
        assert heading in browser.run(
            "return [...document.querySelectorAll('h2')].map(h => h.textContent)"
        )


def test_links_lead_to_files(good: Path, failed: Path) -> None:
    for project in (good, failed):
        links = [link for link in _links(page_of(project)) if not link.startswith("#")]
        assert any(link.endswith(".log") for link in links)
        for link in links:
            assert (page_of(project).parent / unquote(link)).exists(), link


def _links(path: Path) -> list[str]:
    found: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attrs if name in ("href", "src"))

    Parser().feed(path.read_text(encoding="utf-8"))
    return found


def test_plots_have_their_figures_as_tables(good: Path, browser: Browser) -> None:
    browser.open(page_of(good))
    tables = browser.run(
        "return [...document.querySelectorAll('figure details')]"
        ".map(d => { d.open = true; return d.innerText })"
    )
    matrix, curve = (re.sub(r"\s+", " ", table) for table in tables)
    assert matrix == "As a table predicted no predicted yes true no 5 1 true yes 0 4"
    assert curve.endswith("Threshold 0 0 1 0.2 1 0.5")
    captions = browser.run(
        "return [...document.querySelectorAll('figcaption')].map(c => c.innerText)"
    )
    assert captions == ["Confusion matrix", "ROC curve, area 0.100"]
    drawn = browser.run(
        "return [...document.querySelectorAll('.plot svg')]"
        ".map(s => s.getBoundingClientRect().width > 100)"
    )
    assert drawn == [True, True]


def test_a_failed_run_shows_the_log(failed: Path, browser: Browser) -> None:
    browser.open(page_of(failed))
    said = browser.text(".failure")
    assert "add failed with exit status 2" in said and "Add: exit status 2" in said
    assert "add: context: numbers[1]: 'two' is not a number" in browser.text(".log")
    steps = browser.text(".steps")
    assert re.search(r"Add\s+✗ Failed", steps) and re.search(r"Div\s+· Not reached", steps)


def test_a_long_log_begins_with_its_end_in_view(tmp_path: Path, browser: Browser) -> None:
    log = tmp_path / "logs" / "1.log"
    log.parent.mkdir()
    log.write_text("".join(f"line {number}\n" for number in range(300)))
    task = record.Task("t", "container", "T", "t", failed_in="command", log="logs/1.log")
    run = record.Run("p", "T", "process", {}, state="failed", error="t failed", tasks=[task])
    path = tmp_path / "page.html"
    path.write_text(page.render(run, tmp_path, tmp_path))
    browser.open(path)
    ends = [
        browser.run(f"return document.querySelector('{part}').getBoundingClientRect().bottom")
        for part in (".log", ".log pre")
    ]
    assert ends[1] <= ends[0] and "line 299" in browser.text(".log")


def test_loops_and_conditions(flow: Path, browser: Browser) -> None:
    browser.open(page_of(flow))
    steps = browser.text(".steps")
    assert re.findall(r"Each \((\d)\)", steps) == ["0", "1", "2"], "as ITERATION= takes them"
    assert re.search(r"More\s+- Not needed", steps)
    picture = browser.text(".graph")
    assert re.search(r"Each\s+succeeded, 3 times, \d", picture)
    assert re.search(r"More\s+not needed", picture)


def test_an_importer_has_one_row_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("1")
    kind = {"schemaTitle": "system.Dataset"}
    importer = {"artifactUri": {"constant": "data"}, "typeSchema": kind}
    made = {"artifacts": {"artifact": {"artifactType": kind}}}
    tasks = {
        name: {"componentRef": {"name": "comp-importer"}, "taskInfo": {"name": "Get / the data"}}
        for name in ("importer", "importer-2")
    }
    compiled = {
        "pipelineInfo": {"name": "p"},
        "components": {"comp-importer": {"executorLabel": "i", "outputDefinitions": made}},
        "deploymentSpec": {"executors": {"i": {"importer": importer}}},
        "root": {"dag": {"tasks": tasks}},
    }
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / record.PACKAGE).write_text(yaml.safe_dump(compiled))
    run = Run([compiled], {}, Setting(folder, Maker(), project=tmp_path)).execute()
    found = page.render(run, folder, tmp_path)
    rows = found.partition('class="steps"')[2].partition("</table>")[0]
    assert rows.count("Get / the data</th>") == rows.count("Succeeded") == 2
    assert "not needed" not in found


def test_sixty_steps_stay_readable(sixty: Path, browser: Browser) -> None:
    browser.open(page_of(sixty))
    browser.screenshot("sixty")
    wide = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]
    assert browser.run(
        "const g = document.querySelector('.graph'); return g.scrollWidth <= g.clientWidth"
    )
    assert browser.run("return document.querySelectorAll('.steps tbody tr').length") == 60


def test_an_interrupted_or_lost_run_says_so(tmp_path: Path) -> None:
    for state, words in (("interrupted", "Interrupted"), ("running", "Did not end")):
        assert f"<title>{words}: T</title>" in _rendered(tmp_path, state=state)


# For everybody


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390], ids=["desk", "phone"])
@pytest.mark.parametrize("run", ["good", "failed", "flow"])
def test_the_page_is_accessible(
    run: str, width: int, dark: bool, browser: Browser, request: pytest.FixtureRequest
) -> None:
    browser.open(page_of(request.getfixturevalue(run)), width, dark)
    browser.screenshot(f"{run}-{'phone' if width < 600 else 'desk'}-{'dark' if dark else 'light'}")
    assert browser.problems() == []
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), (
        "no side-scroll"
    )


def test_the_keyboard_reaches_every_step_of_the_picture(flow: Path, browser: Browser) -> None:
    browser.open(page_of(flow))
    reached: list[str] = []
    while len(reached) < 3:
        browser.page.keyboard.press("Tab")
        link = browser.run(
            "const a = document.activeElement.closest('.pipeline a'); return a?.getAttribute('href')"
        )
        assert link or not reached, "one after the other"
        reached += [link] if link else []
    assert reached == ["#task-1", "#task-2", "#task-3"]
    browser.page.keyboard.press("Enter")
    assert browser.run("return document.querySelector(':target').innerText").startswith("More")


# Hostile content

HOSTILE = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>\"'>&amp;\x00\x1b[31m\u202e"
SHOWN = "<script>window.pwned = 1</script>"


def _record(**changes: Any) -> record.Run:
    """Return a record in which every text is hostile."""
    name = HOSTILE
    task = record.Task(
        name, "container", name, name, state="failed", failed_in="launcher", reason=name, status=1,
        log="logs/1.log", seconds=1.0, outputs={name: name},
        artifacts_out=[
            {"key": name, "type": kind, "uri": name, "file": name, "metadata": {name: [name]}}
            for kind in (name, "system.Metrics", "system.HTML", "system.Markdown")
        ] + [
            {"key": name, "type": "system.ClassificationMetrics", "uri": "javascript:alert(1)",
             "file": "", "metadata": {
                 "confusionMatrix": {"annotationSpecs": [{"displayName": name}, {"displayName": name}],
                                     "rows": [{"row": [1, 2]}, {"row": [3, 4]}]},
                 "confidenceMetrics": [
                     {"falsePositiveRate": 0, "recall": 0, "confidenceThreshold": name},
                     {"falsePositiveRate": 1, "recall": 1, "confidenceThreshold": 0.5},
                     {"falsePositiveRate": name, "recall": 1, "confidenceThreshold": 0.5}]}}],
    )  # fmt: skip
    run = record.Run(
        name, "T", name, {name: name}, started=name, seconds=2.0, state="failed", error=name,
        outputs={name: {name: name}}, tasks=[task],
    )  # fmt: skip
    for key, value in changes.items():
        setattr(run, key, value)
    return run


def _rendered(folder: Path, **changes: Any) -> str:
    (folder / "run" / "logs").mkdir(parents=True, exist_ok=True)
    (folder / "run" / "logs" / "1.log").write_text(HOSTILE, encoding="utf-8")
    return page.render(_record(**changes), folder / "run", folder)


def test_hostile_text_stays_text(tmp_path: Path, browser: Browser) -> None:
    path = tmp_path / "page.html"
    path.write_text(_rendered(tmp_path, title=HOSTILE), encoding="utf-8")
    browser.open(path)
    browser.screenshot("hostile")
    assert browser.run("return window.pwned") is None
    assert browser.run("return document.scripts.length + document.images.length") == 0
    body = browser.run("return document.body.textContent")
    assert body.count(SHOWN) > 10
    assert not re.search("[\x00-\x08\x1b\u202e]", body)
    assert browser.text("h1").startswith(SHOWN)
    assert SHOWN in browser.text(".steps")
    assert "javascript:" not in str(
        browser.run("return [...document.links].map(a => a.href).join(' ')")
    )


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_a_hostile_page_can_do_nothing(tmp_path: Path, browser: Browser, kind: str) -> None:
    """It neither runs, nor loads, nor leads the reader away, nor reaches the report."""
    asked: list[str] = []

    class Asked(Handler):
        def serve(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    with listening(Asked) as port:
        host = f"http://127.0.0.1:{port}"
        hostile = f"""<script>parent.pwned = 1; fetch('{host}/fetch')</script>
            <img src='{host}/img' onerror='parent.pwned = 1'> <link rel=stylesheet href='{host}/css'>
            <meta http-equiv=refresh content='0;url={host}/refresh'> <iframe src='{host}/frame'></iframe>
            <style>@import '{host}/import'; body {{ background: url({host}/background) }}</style>
            <object data='{host}/object'></object> <video src='{host}/video' autoplay></video>
            <svg onload='parent.pwned = 1'></svg> <form action='{host}/form'><button>x</button></form>
            <p id=it>seen</p>"""
        path = tmp_path / "run" / kind
        path.parent.mkdir()
        path.write_text(hostile, encoding="utf-8")
        name = {"html": "system.HTML", "markdown": "system.Markdown"}[kind]
        artifact = {"key": "p", "type": name, "uri": "", "file": kind, "metadata": {}}
        task = record.Task("t", "container", "T", "t", artifacts_out=[artifact])
        run = record.Run("p", "T", "process", {}, state="succeeded", tasks=[task])
        out = tmp_path / "page.html"
        out.write_text(page.render(run, path.parent, tmp_path), encoding="utf-8")
        browser.open(out)
        browser.run("document.querySelector('iframe').scrollIntoView()")
        text = browser.page.frame_locator("iframe").locator("body").inner_text()
        browser.page.wait_for_timeout(700)
        assert "seen" in text and browser.run("return window.pwned") is None
        assert asked == []


def test_no_file_of_others_is_shown(tmp_path: Path) -> None:
    """A step says where its artifacts are; those elsewhere are neither shown nor linked."""
    secret = tmp_path / "secret.html"
    secret.write_text("s3cret")
    folder = tmp_path / "runs" / "run"
    (folder / "logs").mkdir(parents=True)
    (folder / "link").symlink_to(secret)
    uris = [str(secret), f"{folder}/../../secret.html", str(folder / "link"), secret.as_uri()]
    artifacts = [
        {"key": "p", "type": "system.HTML", "uri": uri, "file": uri, "metadata": {}} for uri in uris
    ]  # fmt: skip
    task = record.Task("t", "container", "T", "t", artifacts_out=artifacts)
    run = record.Run("p", "T", "process", {}, tasks=[task])
    found = page.render(run, folder, tmp_path)
    assert "s3cret" not in found and "secret.html" not in _hrefs(found)
    assert found.count("The file is not there.") == len(uris)


@pytest.mark.parametrize(
    ("kind", "file", "uri", "said"),
    [
        ("container", "", f"{STORE}/p/r/t/1/metrics", "no file"),
        ("container", "tasks/removed", f"{STORE}/p/r/t/1/data", "no file"),
        ("container", "/data/own", f"{STORE}/p/r/t/1/data", "/data/own"),
        ("container", "", "https://example.com/model", "https://example.com/model"),
        ("importer", "/project/data/iris.csv", "/kfp-own-data/x", "/project/data/iris.csv"),
        ("importer", "", "gs://bucket/data", "gs://bucket/data"),
        ("importer", "", f"{STORE}/p/other/data", f"{STORE}/p/other/data"),
    ],
)
def test_an_artifact_that_lies_elsewhere_says_where(
    tmp_path: Path, kind: str, file: str, uri: str, said: str
) -> None:
    artifact = {"key": "a", "type": "system.Dataset", "uri": uri, "file": file, "metadata": {}}
    task = record.Task("t", kind, "T", "t", artifacts_out=[artifact])
    run = record.Run("p", "T", "process", {}, run_id="r", tasks=[task])
    found = page.render(run, tmp_path, tmp_path).partition('id="artifacts"')[2]
    texts = [text.strip() for text in re.findall(r">([^<]+)<", found.partition("</table>")[0])]
    assert [text for text in texts if text][6:] == ["a", "Dataset", "T", said]


def test_what_may_not_be_in_a_page_is_never_taken_for_what_is_printed() -> None:
    """Most texts are told by that to be clean, which is quick."""
    forbidden = "\x00\x08\x0b\r\x1b\x1f\x7f\x85\x9f\u200e\u200f\u2028\u202e\u2066\u2069\ud800\udfff\ufffe\uffff"
    assert {text.clean(f"a{one}") for one in forbidden} == {"a\ufffd"}
    assert text.clean("é \N{GRINNING FACE}\t\n\x1b[31mx") == "é \N{GRINNING FACE}\t\nx"


def _hrefs(text: str) -> str:
    return " ".join(re.findall(r'href="([^"]*)"', text))


def test_nothing_is_loaded_from_elsewhere(good: Path, sixty: Path) -> None:
    for project in (good, sixty):
        for link in _links(page_of(project)):
            assert urlsplit(link).scheme == "" and not link.startswith("//"), link
        content = page_of(project).read_text(encoding="utf-8")
        assert "default-src 'none'" in content and "<script" not in content


def test_memory_stays_flat(tmp_path: Path, browser: Browser) -> None:
    """13 MB of log, 3 of them in one line, and an artifact of 1 GB."""
    project = typed.make_project(tmp_path)
    local(project)
    usual = _peak(project, 0)
    script = project / "steps" / "make" / "main.py"
    small = '    Path(artifact.path).write_text("é")\n'
    assert small in typed.MAKE, "nothing would be large"
    script.write_text(typed.MAKE.replace(small,
        '    with open(artifact.path, "wb") as file:\n'
        '        file.truncate(10**9)\n'
        '    for number in range(100_000):\n'
        '        print(number, "<b>\\x1b[31m\\x00" + "x" * 90)\n'
        '    print("y" * 3_000_000)\n',
    ), encoding="utf-8")  # fmt: skip
    reader = project / "steps" / "read" / "main.py"
    reader.write_text('import sys\n\nprint("z" * 200_000)\nsys.exit("<i>over</i>")\n')
    assert make(project, "compile").returncode == 0
    assert _peak(project, 1) < usual + 60_000, "kB"
    assert page_of(project).stat().st_size < 300_000
    browser.open(page_of(project))
    browser.screenshot("noisy")
    assert "1.0 GB" in browser.run("return document.body.innerText")
    assert browser.text(".log").rstrip().endswith("<i>over</i>")


def _peak(project: Path, status: int) -> int:
    """Return the most memory that a run takes itself, in kB."""
    code = (
        "import resource, sys; from kfp_workbench.__main__ import main; status = main(sys.argv[1:]); "
        "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); "
        "sys.exit(status)"
    )
    words = [sys.executable, "-c", code, "local", "--runner", "process"]
    result = subprocess.run(words, cwd=project, env=environment(), capture_output=True, text=True)
    assert result.returncode == status, result.stderr[-2000:]
    return int(result.stderr.rpartition("peak ")[2])


# The verb, and the run that it tells of


def test_the_last_line_says_where_it_is(good: Path, failed: Path, project: Path) -> None:
    assert last_line(local(project).stderr) == str(page_of(project))
    result = local(failed, status=2)
    lines = [line for line in result.stderr.splitlines() if not line.startswith("make:")]
    assert lines[-1] == "to debug it: make debug STEP=add PDB=1"
    assert lines[-2] == str(page_of(failed)) and lines[-3].startswith("error: step add failed")


def test_the_threads_of_a_loop_leave_the_last_line_alone(flow: Path) -> None:
    """kfp indents what is printed while a task runs, by replacing print in every thread."""
    values = {"context": {"a": 1}, "letters": list("abcdefgh"), "limit": 3}
    (flow / "params" / "many.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    for _ in range(3):
        result = local(flow, "ENV=many")
        assert result.stderr.endswith(f"\n{page_of(flow)}\n")
        assert result.stdout.startswith("{") and result.stdout.endswith("}\n")


def test_report_makes_it_anew(project: Path) -> None:
    local(project)
    path = page_of(project)
    before = path.read_bytes()
    path.unlink()
    result = make(project, "report")
    assert result.returncode == 0 and result.stdout == ""
    assert last_line(result.stderr) == str(path) and path.read_bytes() == before
    local(project, "ARGS=-p context='{\"numbers\": [8]}'")
    assert path.read_bytes() != before
    first = sorted((project / "build" / "local").iterdir())[0].name
    assert make(project, "report", f"ARGS={first}").returncode == 0
    assert path.read_bytes() == before


def test_without_a_run_there_is_none(project: Path) -> None:
    result = make(project, "report")
    assert result.returncode != 0 and last_line(result.stderr) == (
        "error: there was no local run yet: make local"
    )
    local(project)
    for name in ("../../etc", ".", "/"):
        result = make(project, "report", f"ARGS={name}")
        said = f"error: '{name}' is no run below build/local/"
        assert result.returncode != 0 and last_line(result.stderr) == said


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, "[]", '{"format": 2}', '{"format": 1, "tasks": [{}]}']
)
def test_a_broken_record_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / record.FILE).write_text(text)
    with pytest.raises(WorkbenchError, match="no record of a run") as caught:
        record.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_report_that_cannot_be_written_is_no_failure(project: Path) -> None:
    page_of(project).mkdir(parents=True)
    result = local(project)
    assert json.loads(result.stdout)["Output"]["average"] == 2.5
    assert last_line(result.stderr).startswith("note: no report was written (")


def test_what_cannot_be_drawn_is_left_out(tmp_path: Path) -> None:
    """A pipeline that is not there any more, or none."""
    assert 'id="graph"' not in _rendered(tmp_path)
    (tmp_path / "run" / record.PACKAGE).write_text("[")
    assert 'id="steps"' in _rendered(tmp_path)


def test_what_is_not_drawn_is_said(good: Path, tmp_path: Path) -> None:
    run = record.read(record.latest(good))
    (made,) = (
        artifact
        for task in run.tasks
        for artifact in task.artifacts_out
        if artifact["type"] == "system.ClassificationMetrics"
    )
    made["metadata"]["confidenceMetrics"] = "(100,000 bytes, not kept)"
    shown = page.render(run, record.latest(good), tmp_path)
    assert "The ROC curve is not drawn: " in shown and "Confusion matrix" in shown


def test_defaults_are_among_the_parameters(project: Path) -> None:
    text = (project / "pipeline.py").read_text()
    (project / "pipeline.py").write_text(
        text.replace("context: dict)", 'context: dict, p: str = "x")')
    )
    assert '"x"' in (project / "pipeline.py").read_text()
    local(project)
    assert record.read(record.latest(project)).parameters["p"] == "x"


def test_a_large_page_is_left_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "page"
    path.write_bytes(b"x" * (frames.MOST_BYTES + 1))
    assert frames.document(path, False) == {"note": "It has more than 2 MB: open the file itself."}
    os.mkfifo(tmp_path / "pipe")
    assert frames.document(tmp_path / "pipe", False) == {"note": "The file is not there."}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.2, "0.20 s"),
        (12.34, "12.3 s"),
        (59.96, "60.0 s"),
        (245, "4 min 5 s"),
        (7380, "2 h 3 min"),
    ],
)
def test_durations(value: float, shown: str) -> None:
    assert text.seconds(value) == shown
