"""Content tags, digests and no needless work, with an engine and a registry that only count.

test_engine does the same with real ones.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import building, pushed, staging
from kfp_workbench.project import settings, steps
from servers.kfp_server import kfp_server
from shared.baking import bake, compiled, environment, make
from shared.serving import Handler, listening

ENGINE = textwrap.dedent("""\
    import os, sys, time, urllib.request
    from pathlib import Path
    log, registry = Path(sys.argv[1]), sys.argv[2]
    verb, *words = sys.argv[3:]
    last = words[-1].rpartition("/")[2].partition(":")[0]
    step = next((w.split("/")[-2] for w in words if w.endswith("Dockerfile")), last)
    with log.open("a") as file:
        file.write(" ".join([verb, *words]) + "\\n")
    with Path(f"{log}.times").open("a") as file:
        file.write(f"+{verb} {step}\\n")
    time.sleep(float(os.environ.get("ENGINE_SECONDS", "0")))
    if os.environ.get("ENGINE_FAILS") == f"{verb} {step}":
        sys.exit(os.environ.get("ENGINE_SAYS", "it broke"))
    if verb == "push":
        name, _, tag = words[-1].partition("/")[2].partition(":")
        url = f"http://{registry}/v2/{name}/manifests/{tag}"
        urllib.request.urlopen(urllib.request.Request(url, data=tag.encode(), method="PUT"))
    if verb == "inspect":
        sys.exit(os.environ.get("ENGINE_PRUNED") == "1")
    with Path(f"{log}.times").open("a") as file:
        file.write(f"-{verb} {step}\\n")
    """)


@dataclass
class Bench:
    """A counting engine and a registry that keeps digests."""

    folder: Path
    host: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    status: int = 0
    asked: threading.Event = field(default_factory=threading.Event)
    pause: float = 0.0  # seconds before the registry's answer

    def env(self, **more: str) -> dict[str, str]:
        """Return the variables for make."""
        script = self.folder / "engine.py"
        script.write_text(ENGINE)
        engine = f"{sys.executable} {script} {self.folder / 'calls'} {self.host}"
        return {"DOCKER": engine, "REGISTRY": f"{self.host}/team/x", **more}

    def calls(self) -> list[str]:
        """Return the verbs and steps of the calls since the last look, in order of start."""
        path = self.folder / "calls.times"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        self.times = lines
        return [line[1:] for line in lines if line[0] == "+"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    state = Bench(tmp_path)

    class CountingHandler(Handler):
        def serve(self) -> None:
            state.asked.set()
            time.sleep(state.pause)
            if self.command == "PUT":
                body = self.rfile.read(int(self.headers["Content-Length"]))
                state.tags[self.path] = f"sha256:{sha256(body).hexdigest()}"
                self.send_response(201)
            else:
                digest = state.tags.get(self.path)
                self.send_response(state.status or (200 if digest else 404))
                if digest:
                    self.send_header("Docker-Content-Digest", digest)
            self.end_headers()

    with listening(CountingHandler) as port:
        state.host = f"localhost:{port}"
        yield state


def tags(project: Path, **environ: str) -> dict[str, str]:
    """Return the content tag of every step."""
    found = settings.load(project, environ)
    return {
        step.name: steps.content_tag(step, found, project) for step in steps.find_steps(project)
    }


def record(project: Path) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = json.loads((project / "build/images.json").read_text())
    return entries


def used(project: Path) -> set[str]:
    return steps.used_images(project / "build" / "pipeline.yaml")


def append(path: str, text: str = "\n# more\n") -> Callable[[Path], object]:
    def change(project: Path) -> None:
        file = project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((file.read_text() if file.exists() else "") + text)

    return change


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (append("steps/add/main.py"), {"add"}),
        (append("steps/add/Dockerfile"), {"add"}),
        (append("steps/add/requirements.txt"), {"add"}),
        (append("steps/add/data/table.csv"), {"add"}),
        (append("common/step.py"), {"add", "div"}),
        (append("common/more.py"), {"add", "div"}),
        (append(".dockerignore"), {"add", "div"}),
        (append("pyproject.toml", '\n[tool.pipeline.build_args]\nX = "1"\n'), {"add", "div"}),
        (lambda p: (p / "steps/add/main.py").chmod(0o755), {"add"}),
        (lambda p: (p / "steps/add/link").symlink_to("main.py"), {"add"}),
        (lambda p: (p / "steps/add/main.py").rename(p / "steps/add/main2.py"), {"add"}),
        (append("steps/add/__pycache__/main.pyc"), set()),
        (append("steps/add/main.pyc"), set()),
        (append("steps/add/.venv/lib/x.py"), set()),
        (append("steps/add/.main.py.swp"), set()),
        (append("steps/add/main.py~"), set()),
        (append("common/.DS_Store"), set()),
        (append("common/.idea/x.xml"), set()),
        (append("README.md"), set()),
        (append("pipeline.py"), set()),
        (append("params/dev.yaml"), set()),
        (append("tests/test_more.py"), set()),
    ],
)
def test_a_tag_stands_for_the_content(
    project: Path, change: Callable[[Path], object], changed: set[str]
) -> None:
    before = tags(project)
    change(project)
    after = tags(project)
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_tag_is_the_same_everywhere(project: Path, tmp_path: Path) -> None:
    """Whatever the clock, the path, the order of files and the umask were."""
    copy = tmp_path / "else where" / "é"
    shutil.copytree(project, copy, copy_function=shutil.copy)
    for path in copy.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() or (os.access(path, os.X_OK) and False) else 0o600)
            if path.is_dir():
                path.chmod(0o700)
            os.utime(path, (1, 1))
    assert tags(copy) == tags(project)
    assert tags(copy, PLATFORM="linux/arm64") != tags(copy)


def test_nothing_is_built_twice(project: Path, bench: Bench) -> None:
    env = bench.env()
    assert make(project, "build", env=env).returncode == 0
    assert bench.calls() == ["build add", "build div"]
    result = make(project, "build", env=env)
    assert bench.calls() == [] and "nothing to build: 2 up to date" in result.stderr
    append("steps/div/main.py")(project)
    assert make(project, "build", env=env).returncode == 0
    assert bench.calls() == ["build div"]
    assert make(project, "build", env={**env, "DOCKER_HOST": "tcp://other"}).returncode == 0
    assert bench.calls() == ["build add", "build div"], "another engine has other images"
    assert make(project, "build", "ARGS=--again add", env=env).returncode == 0
    assert bench.calls() == ["build add"]
    result = make(project, "build", "ARGS=nope", env=env)
    assert result.returncode != 0
    assert "error: 'nope' is no step of this project: it has add, div" in result.stderr


def test_what_an_engine_call_says(project: Path, bench: Bench) -> None:
    append("pyproject.toml", '\n[tool.pipeline.build_args]\nINDEX = "a b"\n')(project)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y", *words], cwd=project)
    secret = "https://user:secret@example.com/x.git"
    subprocess.run(["git", "remote", "add", "origin", secret], cwd=project)
    assert make(project, "build", "ARGS=add", env=bench.env(PLATFORM="linux/arm64")).returncode == 0
    (call,) = (bench.folder / "calls").read_text().splitlines()
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True)
    label = "--label org.opencontainers.image"
    assert call.startswith("build --platform linux/arm64 --file steps/add/Dockerfile ")
    assert f"{label}.revision={head.stdout.strip()} " in call
    assert f"{label}.source=https://example.com/x.git " in call and "secret" not in call
    assert "--build-arg INDEX=a b " in call and call.endswith(" .")


def test_make_j_builds_at_the_same_time(tmp_path: Path, bench: Bench) -> None:
    project = bake(tmp_path, starter="blank", steps="a, b, c, d")
    env = bench.env(ENGINE_SECONDS="0.5")
    assert make(project, "-j4", "build", env=env).returncode == 0
    bench.calls()
    assert {line[0] for line in bench.times[:4]} == {"+"}, bench.times
    assert make(project, "build", "ARGS=--again", env=env).returncode == 0
    bench.calls()
    assert [line[0] for line in bench.times] == ["+", "-"] * 4


def test_the_others_finish_when_a_build_fails(tmp_path: Path, bench: Bench) -> None:
    project = bake(tmp_path, starter="blank", steps="a, b, c")
    env = bench.env()
    result = make(project, "-j3", "build", env={**env, "ENGINE_FAILS": "build b"})
    assert result.returncode != 0
    assert "  b | it broke" in result.stderr and "error: building b: `" in result.stderr
    bench.calls()
    assert make(project, "build", env=env).returncode == 0
    assert bench.calls() == ["build b"]


@pytest.mark.parametrize(
    ("verb", "says", "line"),
    [
        ("build", "Cannot connect to the Docker daemon at x", "the engine does not answer"),
        ("build", "write /x: no space left on device", "no space left on the engine's disk"),
        ("push", "denied: requested access is denied", "the registry refused: {engine} login"),
        ("push", "no basic auth credentials", "the registry refused: {engine} login {host}"),
        ("push", "dial tcp 1.2.3.4:5: connect: connection refused", "the registry does not answer"),
    ],
)
def test_known_faults_are_told_with_their_cure(
    project: Path, bench: Bench, verb: str, says: str, line: str
) -> None:
    env = bench.env(ENGINE_FAILS=f"{verb} add", ENGINE_SAYS=says)
    result = make(project, verb, "ARGS=add", env=env)
    assert result.returncode != 0
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert line.format(engine=env["DOCKER"], host=bench.host) in error


def test_a_push_notes_the_digests_and_compile_pins_them(project: Path, bench: Bench) -> None:
    env = bench.env()
    result = make(project, "compile", env=env)
    assert "(images by content tag: make push pins their digests)" in result.stderr
    assert make(project, "-j2", "build", "push", "compile", env=env).returncode == 0
    assert sorted(bench.calls()) == sorted(
        ["build add", "build div", "inspect add", "inspect div", "push add", "push div"]
    )
    for entry in record(project):
        tag = entry["tag"]
        assert entry == {
            "step": entry["step"],
            "reference": f"{bench.host}/team/x/{entry['step']}:{tag}",
            "tag": tag,
            "digest": bench.tags[f"/v2/team/x/{entry['step']}/manifests/{tag}"],
            "platform": "linux/amd64",
            "revision": entry["revision"],
        }
        pinned = f"{bench.host}/team/x/{entry['step']}@{entry['digest']}"
        assert pinned in used(project)
        component = project / "build" / "components" / f"{entry['step']}.yaml"
        ours = yaml.safe_load((project / "steps" / entry["step"] / "component.yaml").read_text())
        ours["implementation"]["container"]["image"] = pinned
        assert yaml.safe_load(component.read_text()) == ours
    assert all("@sha256:" in image for image in used(project))


def test_what_the_registry_has_is_neither_built_nor_uploaded(
    tmp_path: Path, project: Path, bench: Bench
) -> None:
    copy = tmp_path / "colleague"
    shutil.copytree(project, copy)
    env = bench.env()
    assert make(project, "push", "compile", env=env).returncode == 0
    bench.calls()
    result = make(copy, "push", "compile", env=env)
    assert result.returncode == 0 and bench.calls() == []
    assert "add: the registry has" in result.stderr
    here, there = (p / "build" / "pipeline.yaml" for p in (project, copy))
    assert here.read_bytes() == there.read_bytes()
    append("steps/add/main.py")(copy)
    assert make(copy, "push", "compile", env=env).returncode == 0
    assert bench.calls() == ["build add", "push add"]
    assert len(used(copy) - used(project)) == 1


def test_a_pruned_image_is_built_again_before_its_push(project: Path, bench: Bench) -> None:
    assert make(project, "build", env=bench.env()).returncode == 0
    bench.calls()
    assert make(project, "push", "ARGS=add", env=bench.env(ENGINE_PRUNED="1")).returncode == 0
    assert bench.calls() == ["inspect add", "build add", "push add"]


def test_a_failed_push_keeps_what_worked(project: Path, bench: Bench) -> None:
    env = bench.env()
    result = make(project, "push", env={**env, "ENGINE_FAILS": "push add"})
    assert result.returncode != 0 and "error: pushing add: " in result.stderr
    assert [entry["step"] for entry in record(project)] == ["div"]
    bench.calls()
    assert make(project, "push", env=env).returncode == 0
    assert bench.calls() == ["inspect add", "push add"]
    assert [entry["step"] for entry in record(project)] == ["add", "div"]


@pytest.mark.parametrize(("status", "line"), [(401, "asks for a login (401)"), (500, "failed")])
def test_a_registry_that_refuses_is_one_line(
    project: Path, bench: Bench, status: int, line: str
) -> None:
    bench.status = status
    result = make(project, "push", "ARGS=add", env=bench.env())
    assert result.returncode != 0 and bench.calls() == []
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert line in error and bench.host in error


def test_run_refuses_what_is_not_pushed(project: Path, bench: Bench) -> None:
    with kfp_server() as server:
        env = bench.env(KFP_HOST=server.url)
        result = make(project, "run", env=env)
        assert result.returncode != 0 and result.stdout == ""
        assert "steps/add was not pushed from here: make push" in result.stderr
        assert "error: build/pipeline.yaml: 2 images do not fit" in result.stderr
        assert make(project, "run", env={**env, "ALLOW_UNPINNED": "1"}).returncode == 0
        assert make(project, "push", "run", env=env).returncode == 0
        append("steps/add/main.py")(project)
        result = make(project, "run", env=env)
        assert result.returncode != 0
        assert "error: steps/add changed since the last push: make push" in result.stderr
        assert "div" not in result.stderr
        assert len(server.runs) == 2


def test_a_file_with_old_digests_is_refused(project: Path, bench: Bench) -> None:
    """Submitted by ``python -m kfp_workbench run``, without compiling again."""
    with kfp_server() as server:
        env = bench.env(KFP_HOST=server.url, ALLOW_UNPINNED="1")
        assert make(project, "push", "compile", env=env).returncode == 0
        append("steps/add/main.py")(project)
        result = subprocess.run(
            [sys.executable, "-m", "kfp_workbench", "run"],
            cwd=project,
            env=environment(env),
            capture_output=True,
            text=True,
        )
        assert result.returncode == 1 and not server.runs
        assert "error: steps/add changed since the last push: make push compile" in result.stderr


def test_a_damaged_record_is_one_line(project: Path) -> None:
    (project / "build").mkdir()
    (project / "build" / "images.json").write_text("[{")
    result = make(project, "compile")
    assert result.returncode != 0
    assert "error: build/images.json: is damaged" in result.stderr


def test_what_failed_is_told_in_the_order_of_the_steps(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(step: steps.Step, *_: object) -> None:
        time.sleep(0.3 if step.name == "add" else 0)
        raise WorkbenchError(f"{step.name} broke")

    monkeypatch.setattr(building, "_push", fail)
    with pytest.raises(WorkbenchError, match="2 of 2 images could not be pushed: add, div"):
        building.push(steps.find_steps(project), settings.load(project, {}), project, jobs=2)


def test_an_interrupted_push_begins_nothing_more(project: Path, bench: Bench) -> None:
    """It came while the registry was asked, and so before the engine was called."""
    bench.pause = 1.0
    process = subprocess.Popen(
        [sys.executable, "-m", "kfp_workbench", "push", "--jobs", "2"],
        cwd=project,
        env=environment(bench.env()),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert bench.asked.wait(30)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in stderr
    assert bench.calls() == [] and bench.tags == {}


def test_an_interrupted_build_ends_its_engine_calls(project: Path, bench: Bench) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kfp_workbench", "build", "--jobs", "2"],
        cwd=project,
        env=environment(bench.env(ENGINE_SECONDS="600")),
        stderr=subprocess.PIPE,
        text=True,
    )
    while (
        len(
            (bench.folder / "calls.times").read_text().splitlines()
            if (bench.folder / "calls.times").exists()
            else []
        )
        < 2
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in stderr
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(bench.folder / "engine.py") not in listed
    assert not (project / "build" / "built").exists()


def test_lock_makes_hashes_that_pip_takes(project: Path) -> None:
    source = project / "steps" / "add" / "requirements.in"
    source.write_text("tomli>=2\n")
    result = make(project, "lock")
    assert result.returncode == 0, result.stderr
    text = (project / "steps" / "add" / "requirements.txt").read_text()
    assert "tomli==" in text and "--hash=sha256:" in text and "://" not in text
    assert make(project, "local", "RUNNER=process").returncode == 0
    source.write_text("no-such-package-anywhere-1\n")
    result = make(project, "lock")
    assert result.returncode != 0
    assert "error: steps/add/requirements.in: cannot be resolved: " in result.stderr
    assert (project / "steps" / "add" / "requirements.txt").read_text() == text


def component_of(project: Path, step: str) -> Any:
    return yaml.safe_load((project / "build" / "components" / f"{step}.yaml").read_text())


def test_a_component_loads_in_another_pipeline(project: Path, bench: Bench) -> None:
    assert make(project, "push", "compile", env=bench.env()).returncode == 0
    code = (
        "from kfp.components import load_component_from_file as load\n"
        "print(load('build/components/add.yaml').component_spec.implementation.container.image)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == component_of(project, "add")["implementation"]["container"]["image"]
    executor = compiled(project)["deploymentSpec"]["executors"]["exec-add"]
    assert printed.strip() == executor["container"]["image"]
    assert pushed.read_record(project)["add"].pinned == printed.strip()


def test_an_edit_during_a_build_gets_no_tag(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tag would stand for another content, on every machine, for ever."""
    stage = staging.stage

    def edited(step: steps.Step, folder: Path, root: Path) -> None:
        (step.folder / "main.py").write_text("# edited\n")
        stage(step, folder, root)

    monkeypatch.setattr(staging, "stage", edited)
    ours = settings.load(project, {})
    with pytest.raises(
        WorkbenchError, match="steps/add changed while it was being built: try again"
    ):
        building.build([steps.get_step("add", project)], ours._replace(docker="true"), project)
    assert not (project / "build" / "built" / "add").exists()


def test_pushes_at_the_same_time_keep_each_others_records(project: Path) -> None:
    ours = settings.load(project, {})
    for step in steps.find_steps(project):  # each begins with what there was before the other
        entry = pushed.Pushed(step.name, "r:t", "t", "sha256:0", "linux/amd64", "")
        pushed.write_record({step.name: entry}, [step], ours, project)
    assert set(pushed.read_record(project)) == {"add", "div"}


def test_a_component_on_one_line_is_pinned_or_refused(project: Path) -> None:
    step = steps.get_step("add", project)
    path = step.folder / "component.yaml"
    image = steps.image_name(step, settings.load(project, {}))
    entry = pushed.Pushed("add", f"{image}:t", "t", "sha256:0", "linux/amd64", "")
    path.write_text(f"implementation: {{container: {{image: {image}, command: [a]}}}}\n")
    pushed._write_component(entry, project)
    written = (project / "build" / "components" / "add.yaml").read_text()
    assert f"{{image: {image}@sha256:0, command" in written
    path.write_text(f"implementation:\n  container:\n    image: >-\n      {image}\n")
    with pytest.raises(WorkbenchError, match="cannot be pinned: write it on one line"):
        pushed._write_component(entry, project)


def test_a_pipeline_of_another_registry_is_not_submitted(project: Path) -> None:
    assert make(project, "compile", "REGISTRY=localhost:5000/elsewhere").returncode == 0
    used = steps.used_images(project / "build" / "pipeline.yaml")
    (line,) = pushed.missing(used, settings.load(project, {}), project)
    assert "make compile" in line
