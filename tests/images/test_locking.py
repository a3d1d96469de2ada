"""``make lock`` asks the indexes that pip would, for the base image's Python, and only for what changed."""

import os
import re
import sys
from pathlib import Path

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import locking
from shared.wheels import write_index, write_wheel

PYPROJECT = """
[tool.pipeline]
name = "x"
display_name = "x"
description = "x"
registry = "localhost:5000/x"
kfp_host = "http://localhost:8080"
base_image = "python:3.12-slim"
"""


class House:
    """A project with one step, and a company's index with three packages."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.step = self.root / "steps" / "add"
        self.step.mkdir(parents=True)
        (self.root / "pyproject.toml").write_text(PYPROJECT)
        (self.root / "requirements-dev.in").write_text("")
        self.source, self.lock = self.step / "requirements.in", self.step / "requirements.txt"
        self.source.write_text("private-alpha\n")
        (self.step / "Dockerfile").write_text("FROM python:3.12-slim\n")
        wheels = [write_wheel(folder / "house", "private_alpha", "1.0")]
        self.folder, self.wheels = folder, wheels
        self.index = write_index(folder / "simple", [])
        self.publish("private_alpha", "1.0")

    def publish(self, name: str, version: str) -> None:
        wheel = write_wheel(self.folder / "house", name, version)
        write_index(self.folder / "simple", [wheel.rename(wheel)])
        page = self.folder / "simple" / name.replace("_", "-")
        if not page.exists():
            page.symlink_to(self.folder / "simple" / name)

    def make_lock(self, *, upgrade: bool = False) -> str:
        locking.lock(self.root, upgrade=upgrade)
        return self.lock.read_text()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    house = House(tmp_path)
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nindex-url = {(tmp_path / 'simple').as_uri()}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return house


def test_a_companys_index_is_asked_and_not_written_down(house: House) -> None:
    text = house.make_lock()
    assert "private-alpha==1.0" in text and "://" not in text


def test_only_what_changed_is_resolved(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.make_lock()
    resolved: list[str] = []
    real = locking._resolved

    def resolve(source: Path, *rest: object, **more: object) -> str:
        resolved.append(source.parent.name)
        return real(source, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(locking, "_resolved", resolve)
    house.make_lock()
    assert resolved == [] and "steps/add/requirements.txt is up to date" in capsys.readouterr().err
    changes = {
        "its source": (house.source, "private-alpha>=1\n"),
        "what that includes": (house.step / "more.txt", "private-alpha<9\n"),
        "its image": (house.step / "Dockerfile", "FROM python:3.13-slim\n"),
        "itself": (house.lock, house.lock.read_text().replace("==1.0", "==1.1")),
    }
    house.source.write_text("private-alpha\n-c more.txt\n")
    (house.step / "more.txt").write_text("private-alpha<8\n")
    house.make_lock()
    for what, (path, text) in changes.items():
        resolved.clear()
        if what == "its source":
            text += "-c more.txt\n"
        path.write_text(text)
        house.make_lock()
        assert resolved == ["add"], what


def test_a_new_project_is_locked_already(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its first `make lock` needs no index for what has not changed, and sets up nothing again."""
    monkeypatch.setattr(locking, "_resolved", None)
    before = (project / "requirements-dev.txt").read_text()
    locking.lock(project)
    assert capsys.readouterr().err == "requirements-dev.txt is up to date\n"
    assert (project / "requirements-dev.txt").read_text() == before


def test_upgrade_asks_for_newer_versions(house: House) -> None:
    house.make_lock()
    house.publish("private_alpha", "1.1")
    assert "private-alpha==1.0" in house.make_lock()
    assert "private-alpha==1.1" in house.make_lock(upgrade=True)


def test_an_index_of_the_source_is_asked_and_handed_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever installs the lock file needs it, too; it takes the place of the machine's."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("INDEX", house.index)
    house.source.write_text("--index-url ${INDEX}\nprivate-alpha\n")
    lines = house.make_lock().splitlines()
    assert lines[1:3] == ["--index-url ${INDEX}", "private-alpha==1.0 \\"]


@pytest.mark.parametrize(
    ("base", "version"), [("python:3.12-slim", "3.12"), ("python:3.9", "3.9"), ("ubuntu", "3.10")]
)
def test_versions_are_those_for_the_python_of_the_image(
    house: House, base: str, version: str
) -> None:
    (house.step / "Dockerfile").write_text(f"FROM {base}\n")
    house.source.write_text("private-alpha; python_version >= '3.12'\n")
    head, *rest = house.make_lock().splitlines()
    words = f"# make lock made this from requirements.in, for Python {version} and newer: "
    assert re.fullmatch(re.escape(words) + "[0-9a-f]{16}", head)
    # From 3.12 on, the marker says nothing.
    assert (rest[0] == "private-alpha==1.0 \\") == (version == "3.12")


def test_what_cannot_be_had_changes_no_file(house: House) -> None:
    before = house.make_lock()
    house.source.write_text("private-beta\n")
    with pytest.raises(WorkbenchError, match=r"steps/add/requirements.in: cannot be resolved"):
        house.make_lock()
    assert house.lock.read_text() == before


def test_the_template_and_its_projects_override_the_same() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("tomllib is there from Python 3.11 on")
    import tomllib

    from shared.baking import TEMPLATE

    text = (TEMPLATE / "pyproject.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["tool"]["uv"]["override-dependencies"] == [*locking.OVERRIDES]


@pytest.mark.parametrize("name", ["requirements.in", "requirements.txt"])
def test_a_file_in_another_encoding_is_one_line(house: House, name: str) -> None:
    (house.step / name).write_bytes(b"private-alpha\n# f\xfcr\n")
    with pytest.raises(WorkbenchError, match=f"add/{name}:2: is no UTF-8: save it as that"):
        house.make_lock()
