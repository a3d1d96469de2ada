"""A process runs in a folder laid out as its step's image is."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from kfp_workbench.images.layout import Layout
from kfp_workbench.local import image as images
from kfp_workbench.local.image import Image
from kfp_workbench.local.processes import Home, ProcessRunner
from shared.baking import environment, make
from shared.jobs import job, run


def layout_of(folder: Path, files: Mapping[str, str], **more: object) -> Layout:
    """Return the layout of an image with some files, made below ``folder``."""
    paths = {}
    for number, (name, text) in enumerate(files.items()):
        paths[name] = folder / f"{number}-{Path(name).name}"
        paths[name].write_text(text)
    return Layout(files=paths, **{"folder": "/app", "opens_up": True, **more})  # type: ignore[arg-type]


def process(folder: Path, layout: Layout, *command: str) -> tuple[int, list[str]]:
    """Run a command as a task's process; its place is ``folder``."""
    runner = ProcessRunner({"image": Home(Path(sys.executable).parent, Image.of(layout))})
    return run(runner, job("image", command, folder))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def test_a_script_finds_what_its_image_has_and_no_more(tmp_path: Path, place: Path) -> None:
    script = "import os, common.x; print(sorted(os.listdir()), common.x.__file__)"
    found = layout_of(tmp_path, {"/app/main.py": script, "/app/common/x.py": "", "/opt/y": ""})
    status, lines = process(place, found, "python", "main.py")
    assert (status, lines) == (0, [f"['common', 'main.py'] {tmp_path}/1-x.py"])
    assert list(place.iterdir()) == []  # all is removed


def test_paths_of_the_image_on_the_command_line_are_found(tmp_path: Path, place: Path) -> None:
    found = layout_of(tmp_path, {"/srv/run.py": "import sys; print(sys.argv[1:])"})
    command = ("python", "/srv/run.py", "/srv/other.py", "a/srv/run.py")
    assert process(place, found, *command) == (0, ["['/srv/other.py', 'a/srv/run.py']"])


def test_modules_of_the_images_own_search_path_are_found(tmp_path: Path, place: Path) -> None:
    files = {"/app/main.py": "import lib; print(lib.X)", "/lib/lib.py": "X = 1"}
    found = layout_of(tmp_path, files, variables={"PYTHONPATH": "/lib:/nowhere"})
    assert process(place, found, "python", "main.py") == (0, ["1"])


def test_what_a_step_writes_beside_its_script_is_its_own(tmp_path: Path, place: Path) -> None:
    script = (
        "open('main.py', 'a').write('#'); open('x', 'w').close(); print(open('main.py').read()[-1])"
    )
    found = layout_of(tmp_path, {"/app/main.py": script})
    for _ in range(2):
        assert process(place, found, "python", "main.py") == (0, ["#"])
    assert found.files["/app/main.py"].read_text() == script


def test_a_traceback_names_the_projects_own_file(tmp_path: Path, place: Path) -> None:
    found = layout_of(tmp_path, {"/app/main.py": "import helper", "/app/helper.py": "1 / 0"})
    status, lines = process(place, found, "python", "main.py")
    assert status == 1
    assert f'  File "{tmp_path}/1-helper.py", line 1, in <module>' in lines
    assert str(place) not in "\n".join(lines)


def test_files_are_those_of_the_time_when_the_run_began(tmp_path: Path, place: Path) -> None:
    found = layout_of(tmp_path, {"/app/main.py": "print(1)"})
    runner = ProcessRunner({"image": Home(Path(sys.executable).parent, Image.of(found))})
    found.files["/app/main.py"].write_text("print(2)")
    assert run(runner, job("image", ("python", "main.py"), place)) == (0, ["1"])


def test_large_files_links_and_modes_are_kept(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "HELD", 3)
    found = layout_of(tmp_path, {"/app/large": "12345", "/app/small": "1"})
    found.files["/app/small"].chmod(0o700)
    found.files["/app/link"] = tmp_path / "link"
    found.files["/app/link"].symlink_to("small")
    with Image.of(found).laid_out(place) as folder:
        assert (folder / "large").read_text() == "12345" and not (folder / "large").is_symlink()
        assert (folder / "link").readlink() == Path("small")
        assert os.access(folder / "small", os.X_OK)
        assert stat.S_IMODE((folder / "large").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("user", "caller", "mode"), [("65532:0", 1000, 0o555), ("65532:0", 0, 0o755), ("", 1000, 0o755)]
)
def test_only_an_images_user_who_may_write_can(
    tmp_path: Path,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    caller: int,
    mode: int,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: caller)
    found = layout_of(tmp_path, {"/app/in/main.py": ""}, user=user, opens_up=False)
    with Image.of(found).laid_out(place) as folder:
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "in")}
        assert modes == {mode}
    assert list(place.iterdir()) == []


def local(project: Path) -> "subprocess.CompletedProcess[str]":
    return make(project, "local", "RUNNER=process")


def add_line(script: Path, line: str) -> None:
    """Add a line to a script's imports."""
    script.write_text(
        script.read_text().replace("import logging\n", f"import logging\n{line}\n", 1)
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import pipeline", "ModuleNotFoundError: No module named 'pipeline'"),
        ("from steps.div import main", "ModuleNotFoundError: No module named 'steps'"),
        (
            "open('table.json')",
            "FileNotFoundError: [Errno 2] No such file or directory: 'table.json'",
        ),
        ("open('component.yaml')", "No such file or directory: 'component.yaml'"),
    ],
)
def test_what_no_image_has_is_missing_here_too(project: Path, line: str, said: str) -> None:
    script = project / "steps" / "add" / "main.py"
    (script.parent / "table.json").write_text("{}")
    add_line(script, line)
    result = local(project)
    assert result.returncode != 0 and said in result.stderr
    assert f'File "{script}", line' in result.stderr


def test_a_step_alone_in_a_test_runs_so_too(project: Path) -> None:
    """``run_step`` of a project's tests."""
    script = project / "steps" / "add" / "main.py"
    add_line(script, "import pipeline")
    (project / "tests" / "test_more.py").write_text(
        "def test_it(run_step):\n    print(run_step('add', context={'numbers': [1]}).stderr)\n    assert 0\n"
    )
    words = ["-m", "pytest", "-q", "tests/test_more.py"]
    result = subprocess.run(
        [sys.executable, *words], cwd=project, env=environment(), capture_output=True, text=True
    )
    assert "No module named 'pipeline'" in result.stdout
    assert json.dumps(str(script)) in result.stdout
