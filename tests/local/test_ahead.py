"""Interpreters that are started ahead: a step cannot tell, and where it could, it gets an ordinary one."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from subprocess import Popen
from typing import Any

import pytest

from kfp_workbench.images.layout import Layout
from kfp_workbench.local import interpreters, venvs
from kfp_workbench.local.ahead import FILE, Ahead
from kfp_workbench.local.allowances import Allowance
from kfp_workbench.local.image import Image
from kfp_workbench.local.processes import Home, ProcessRunner
from kfp_workbench.local.record import RUNS
from kfp_workbench.project.steps import Step
from shared.baking import PROJECT, pythons
from shared.jobs import job, run

# All that a script can know of itself. What is told of a process from outside (ps) is not in it.
SEE = """
import json, os, signal, sys
print(json.dumps({
    "argv": sys.argv, "orig_argv": sys.orig_argv, "file": __file__, "name": __name__,
    "globals": sorted(globals()), "spec": repr(__spec__), "path": sys.path, "cwd": os.getcwd(),
    "environment": list(os.environ.items()), "modules": MODULES, "options": sys._xoptions,
    "flags": repr(sys.flags), "warn": sys.warnoptions, "executable": sys.executable,
    "prefix": sys.prefix, "finders": sorted(map(str, sys.path_importer_cache)),
    "missing": [path for path, finder in sys.path_importer_cache.items() if finder is None],
    "descriptors": [n for n in range(64) if os.path.exists(f"/dev/fd/{n}")],
    "leads": [os.getpid() == os.getpgid(0), os.getpid() == os.getsid(0)], "parent": os.getppid(),
    "handlers": [str(signal.getsignal(n)) for n in sorted(signal.valid_signals()) if n < 32],
    "encodings": [sys.stdout.encoding, sys.stdin.encoding, sys.getfilesystemencoding()],
    "input": sys.stdin.read(), "recursion": sys.getrecursionlimit(), "trace": repr(sys.gettrace()),
    "loader": sorted(vars(sys.modules["_frozen_importlib_external"].SourceFileLoader)),
    "common": [
        [name, module.__file__, str(type(module.__loader__)), module.__cached__, sorted(
            each.__code__.co_filename for each in vars(module).values() if hasattr(each, "__code__")
        )]
        for name, module in sorted(sys.modules.items()) if name.startswith("common")
    ],
}))
"""
PLAIN = SEE.replace("MODULES", "list(sys.modules)")
TYPED = f"from common.step import step\n{SEE.replace('MODULES', 'sorted(sys.modules)')}"
POD = {"KFP_POD_NAME": "pod-7", "KFP_POD_UID": "uid-7"}


class Seen(Ahead):
    """Tells whether a command was run by an interpreter that was there already."""

    taken: bool = False

    def take(self, *args: Any) -> "Popen[bytes] | None":
        process = super().take(*args)
        self.taken = process is not None
        return process


@pytest.fixture(scope="module", params=sorted(pythons()))
def binaries(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project").resolve()
    folder = root / "steps" / "see"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(f"FROM python:{request.param}-slim\n")
    made = venvs.provide(Step("see", folder), root)
    assert made.python == request.param
    return made.bin


class Bench:
    """Runs a script as a step, ordinarily and ahead, in one and the same folder."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries = folder, binaries
        shutil.copytree(PROJECT / "common", folder / "common")
        self.files: dict[str, Path] = {}
        for path in (folder / "common").glob("*.py"):
            self.files[f"/app/common/{path.name}"] = path

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.files[f"/app/{name}"] = path

    def run(
        self,
        ahead: Ahead | None,
        name: str,
        words: Sequence[str] = ("python", "main.py"),
        variables: Mapping[str, str] = POD,
        **others: Any,
    ) -> tuple[int, list[str]]:
        image = Image.of(Layout("/app", self.files, others.pop("image", {})))
        runner = ProcessRunner({"image": Home(self.binaries, image)}, ahead=ahead)
        place = self.folder / RUNS / name / "tasks" / "001-see"
        status, lines = run(runner, job("image", words, place, variables, **others))
        runner.close(place)
        return status, lines

    def noted(self, *args: Any, **others: Any) -> list[Any]:
        """Run a script, and return what is noted for the next run."""
        ahead = Seen(self.folder, 2)
        self.run(ahead, ahead.name, *args, **others)
        found: list[Any] = json.loads((self.folder / FILE).read_text())
        return found

    @contextmanager
    def begun(self) -> Iterator[Seen]:
        """Begin a run with what is noted."""
        ahead = Seen(self.folder, 2)
        with ahead:
            ahead.start()
            yield ahead

    def both(self, *args: Any, **others: Any) -> tuple[Any, Any, bool]:
        """Return what comes of an ordinary start, and of one ahead, and whether that was ahead."""
        self.noted(*args, **others)
        ahead = Seen(self.folder, 2)
        ordinary = self.run(None, ahead.name, *args, **others)
        with ahead:
            ahead.start()
            (interpreter,) = ahead._waiting.values() or [None]
            if interpreter:  # it is to find nothing of the step's while it starts
                with pytest.raises(subprocess.TimeoutExpired):
                    interpreter.process.wait(0.1)
            return ordinary, self.run(ahead, ahead.name, *args, **others), ahead.taken


@pytest.fixture
def bench(tmp_path: Path, binaries: Path) -> Bench:
    return Bench(tmp_path.resolve(), binaries)


@pytest.mark.parametrize("script", [PLAIN, TYPED], ids=["plain", "typed"])
@pytest.mark.parametrize("search", [{}, {"PYTHONPATH": "/app/lib:/app/none"}], ids=["", "search"])
def test_a_step_cannot_tell(bench: Bench, script: str, search: dict[str, str]) -> None:
    bench.write("main.py", script)
    bench.write("lib/own.py", "")
    words = ["python", "main.py", "--a", "", "ü\udcff", "a\nb", "$x"]
    ordinary, ahead, is_ahead = bench.both(words, image=search)
    assert is_ahead
    assert ordinary[0] == ahead[0] == 0, ordinary
    one, other = json.loads(ordinary[1][-1]), json.loads(ahead[1][-1])
    assert other == one
    assert one["argv"] == words[1:]
    assert one["descriptors"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("import sys\nsys.exit(3)", 3),
        ("import sys\nsys.exit('sorry')", 1),
        ("def f():\n    1 / 0\nf()", 1),
        ("if:", 1),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import common.step\nraise KeyboardInterrupt", -signal.SIGINT),
        ("import absent", 1),
        ("import own_module", 0),
        ("import sitecustomize", 1),
        ("import broken\nfrom common.step import step", 1),
        ("from common.step import step\nimport broken", 1),
    ],
)
def test_it_ends_as_any(bench: Bench, script: str, status: int) -> None:
    bench.write("main.py", script)
    bench.write("own_module.py", "print('own')")
    bench.write("broken.py", "if:")
    ordinary, ahead, is_ahead = bench.both()
    assert is_ahead
    assert ahead == ordinary
    assert ahead[0] == status, ahead


@pytest.mark.parametrize(
    "text",
    ["def f():\n    1 / 0\n\n\nf()", "if:", "assert (1, 'always')", "x = '\\d'", "\0", "x = 1", ""],
)
def test_a_module_of_the_project_is_what_it_would_be(bench: Bench, text: str) -> None:
    """Its code is ready: where it fails, its traceback is the same, and where it warns, it does."""
    bench.write("common/own.py", text)
    bench.write("common/step.py", "import logging\nfrom common import own\n")
    bench.write("main.py", "from common.step import own\nprint(vars(own).get('x'), own.__file__)")
    ordinary, ahead, is_ahead = bench.both()
    assert is_ahead
    assert ahead == ordinary


KEEP = """
import marshal, sys
with open(sys.argv[1], "rb") as file:
    kind, found = marshal.load(file)
text, _ = found["common/step.py"]
found["common/step.py"] = text, compile("import logging\\nx = 'kept'", "", "exec")
with open(sys.argv[1], "wb") as file:
    marshal.dump((kind, found), file)
"""


def test_code_is_kept_as_long_as_its_text_is_the_same(bench: Bench) -> None:
    bench.write("main.py", "from common.step import x\nprint(x)")
    bench.write("common/step.py", "import logging\nx = 'made'\n")
    assert bench.both()[1] == (0, ["made"])
    kept = bench.binaries.parent / "common.code"
    subprocess.run([bench.binaries / "python", "-c", KEEP, kept], check=True)
    assert bench.both() == ((0, ["made"]), (0, ["kept"]), True)
    bench.write("common/step.py", "import logging\nx = 'new!'\n")
    assert bench.both() == ((0, ["new!"]), (0, ["new!"]), True)
    bench.write("common/step.py", "import logging\nx = 'made'\n")
    kept.write_bytes(b"no code")
    assert bench.both() == ((0, ["made"]), (0, ["made"]), True)
    other = bench.folder / "other.py"  # the project's has changed since the step got its own
    other.write_text("import logging\nx = 'early'\n")
    bench.files["/app/common/step.py"] = other
    assert bench.both() == ((0, ["early"]), (0, ["early"]), True)


@pytest.mark.parametrize(
    "name", ["sitecustomize.py", "usercustomize.py", "json.py", "logging/__init__.py", "abc.py"]
)
def test_an_own_module_comes_first(bench: Bench, name: str) -> None:
    bench.write(name, "print('own')\nloads = JSONDecoder = None")
    bench.write("main.py", "from common import step\nprint('main')")
    bench.write("common/step.py", "import json\nimport logging\n")
    ordinary, ahead, is_ahead = bench.both()
    assert not is_ahead
    assert ahead == ordinary
    assert json.loads((bench.folder / FILE).read_text()) == []  # to start one is for nothing


@pytest.mark.parametrize(
    ("words", "others"),
    [
        (["sh", "-c", "echo"], {}),
        (["python", "-c", "print()"], {}),
        (["python", "-u", "main.py"], {}),
        (["python", "./main.py"], {}),
        (["python", "lib/../main.py"], {}),
        (["python", "absent.py"], {}),
        (["python"], {}),
        (["python", "main.py"], {"variables": {**POD, "LANG": "C.UTF-8", "OWN": "x"}}),
    ],
)
def test_only_plain_scripts_are_started_ahead(bench: Bench, words: Any, others: Any) -> None:
    bench.write("main.py", "")
    bench.write("lib/x.py", "")
    assert bench.noted(words, **others) == []


def test_a_link_on_the_way_is_nothing_for_it(tmp_path: Path, binaries: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    linked = Bench(tmp_path.resolve() / "link", binaries)
    linked.write("main.py", "")
    assert linked.noted() == []


def test_a_step_imports_no_more_than_it_would(bench: Bench) -> None:
    bench.write("main.py", "import sys\nprint('json' in sys.modules, 'argparse' in sys.modules)")
    ((*_, modules),) = bench.noted()
    assert modules == []
    bench.write("main.py", TYPED)
    ((*_, modules),) = bench.noted()
    assert {"argparse", "inspect", "json", "tempfile", "common.signature"} <= set(modules)
    bench.write("common/signature.py", "import json\nif 1:\n    import argparse")
    bench.write("common/step.py", "from common import (\n    signature)\nfrom os import path")
    ((*_, modules),) = bench.noted()
    assert modules == ["json", "common.step", "common.signature"]


Change = Callable[[Bench, pytest.MonkeyPatch], None]
CHANGES: dict[str, Change] = {
    "a variable": lambda bench, patch: patch.setenv("PYTHONOPTIMIZE", "1"),
    "fewer variables": lambda bench, patch: patch.delenv("EXTRA"),
    "what common imports": lambda bench, patch: bench.write("common/step.py", "step = None"),
    "the environment": lambda bench, patch: os.utime(bench.binaries / "python"),
    "its packages": lambda bench, patch: os.utime(
        next(bench.binaries.parent.glob("lib/python*/site-packages"))
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_has_changed_is_started_as_any(
    bench: Bench, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTRA", "x")
    bench.write("main.py", "from common.step import step\nprint(__debug__)")
    bench.noted()
    with bench.begun() as ahead:
        (interpreter,) = ahead._waiting.values()
        change(bench, monkeypatch)
        status, lines = bench.run(ahead, ahead.name)
    assert not ahead.taken
    assert (status, lines) == (0, [str("PYTHONOPTIMIZE" not in os.environ)])
    assert interpreter.process.returncode is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda own, shared: (own / "shared.pth").write_text("import sys\n"),
        lambda own, shared: (own / "installed.py").touch(),
        lambda own, shared: (shared / "starts.pth").write_text("import os\n"),
        lambda own, shared: shutil.rmtree(shared),
    ],
    ids=["of another version", "something was installed", "reads more", "gone"],
)
def test_nothing_is_started_in_an_environment_that_is_another(
    tmp_path: Path, binaries: Path, change: Callable[[Path, Path], None]
) -> None:
    digest = binaries.parent.name.partition("-")[0]
    for name in (digest, f"{digest}-see"):
        shutil.copytree(binaries.parent.with_name(name), tmp_path / name, symlinks=True)
    copy = Bench(tmp_path.resolve(), tmp_path / f"{digest}-see" / "bin")
    copy.write("main.py", "")
    assert len(copy.noted()) == 1
    own, shared = (
        next((tmp_path / name).glob("lib/python*/site-packages"))
        for name in (f"{digest}-see", digest)
    )
    change(own, shared)
    with copy.begun() as ahead:
        assert not ahead._waiting
    assert copy.noted() == []


def test_one_that_has_died_is_replaced(bench: Bench) -> None:
    bench.write("main.py", "print('well')")
    bench.noted()
    with bench.begun() as ahead:
        (interpreter,) = ahead._waiting.values()
        os.kill(interpreter.process.pid, signal.SIGKILL)
        assert bench.run(ahead, ahead.name) == (0, ["well"])
    assert not ahead.taken


def test_one_that_does_not_answer_is_replaced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "PATIENCE", 0.1)
    bench.write("main.py", "print('well')")
    bench.noted()
    with bench.begun() as ahead:
        (interpreter,) = ahead._waiting.values()
        os.kill(interpreter.process.pid, signal.SIGSTOP)
        assert bench.run(ahead, ahead.name) == (0, ["well"])
    assert not ahead.taken
    assert interpreter.process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("length", [interpreters.MOST, 127 * 1024, 200 * 1024])
def test_a_long_command_line_is_started_as_any(bench: Bench, length: int) -> None:
    bench.write("main.py", "import sys\nprint(len(sys.argv[1]))")
    bench.noted()
    with bench.begun() as ahead:
        words = ["python", "main.py", "x" * length]
        assert bench.run(ahead, ahead.name, words) == (0, [str(length)])
    assert not ahead.taken


def test_a_word_that_can_be_none_fails_as_ever(bench: Bench) -> None:
    bench.write("main.py", "")
    ordinary, ahead, is_ahead = bench.both(["python", "main.py", "a\0b"])
    assert (ordinary, is_ahead) == (ahead, False)
    assert ordinary[0] == 127


def test_its_time_counts_from_when_it_runs(bench: Bench) -> None:
    bench.write("main.py", "import time\nprint('begun', flush=True)\ntime.sleep(60)")
    limit = Allowance(seconds=1)
    bench.noted(allowance=limit)
    with bench.begun() as ahead:
        time.sleep(1.2)
        began = time.monotonic()
        status, lines = bench.run(ahead, ahead.name, allowance=limit)
    assert ahead.taken
    assert (status, lines[0]) == (124, "begun")
    assert 0.9 < time.monotonic() - began < 5


def test_no_more_than_may_run_at_once(bench: Bench) -> None:
    bench.noted(["python"])
    each = [["python", f"tasks/{n}/app/main.py", str(bench.binaries), "", []] for n in range(5)]
    (bench.folder / FILE).write_text(json.dumps(each))
    start = interpreters.Start("python", "/absent", str(bench.binaries), "")
    with Ahead(bench.folder, 3) as ahead:

        def waiting() -> list[str]:
            return [Path(script).parts[-3] for script in ahead._waiting]

        def come() -> list[str]:
            """Start one more command; returns the numbers of the interpreters that wait then."""
            ahead.take(start, ["python", "x.py"], bench.folder, {})
            return waiting()

        ahead.start()
        assert waiting() == ["0", "1"]  # beside this process, which loads
        ahead.loaded(then=lambda: None)
        assert waiting() == ["0", "1", "2"]
        with ahead.running():
            assert come() == ["0", "1", "2"]
            ahead._waiting.popitem()[1].end()
            with ahead.running():
                assert come() == ["0", "1"]
            assert come() == ["0", "1"]
        assert come() == ["0", "1", "3"]
        processes = [each.process for each in ahead._waiting.values()]
    assert [process.returncode for process in processes] == [-signal.SIGKILL] * 3


def test_what_comes_then_is_done_once_when_all_have_begun(bench: Bench) -> None:
    bench.write("main.py", "")
    bench.noted()
    done: Queue[str] = Queue()
    other = interpreters.Start("python", "/absent", str(bench.binaries), "")
    with bench.begun() as ahead:
        ahead.loaded(then=lambda: done.put("once"))
        ahead.take(other, ["python", "x.py"], bench.folder, {})
        assert done.empty()  # one waits yet
        bench.run(ahead, ahead.name)
        assert done.get(timeout=20) == "once"
        bench.run(ahead, ahead.name)
    assert done.empty() and ahead._then is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "3", "[3]", '[["python"]]', "[[1, 2, 3, 4, []]]", '[["a", "b", "/", "", [1]]]',
     '[["no", "a\\u0000", "/", "", []]]', '[["no", "a", "/absent", "", []]]'],
)  # fmt: skip
def test_a_note_that_is_none_starts_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text(text)
    with Ahead(tmp_path, 2) as ahead:
        ahead.start()
        assert not ahead._waiting


def test_they_end_when_nobody_is_there_any_more(bench: Bench) -> None:
    bench.write("main.py", "")
    bench.noted()
    with bench.begun() as ahead:
        (interpreter,) = ahead._waiting.values()
        interpreter._telling.close()  # as the system does when this process is killed
        assert interpreter.process.wait(20) == 0
