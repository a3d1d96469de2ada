"""What pip is told of indexes reaches pip and uv; markers mean here what they mean to pip."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.setup import inventory, locks, markers, pythons, sources

GLOBAL = """
[global]
index-url = https://example.com/simple
trusted_host = a.example.com
    b.example.com
timeout = 7
[install]
no-binary = :all:
target = /nonexistent
"""
USER = """
[global]
extra-index-url =
    https://user:hush@example.com/a/simple
    https://example.com/b/simple
timeout = 8
[list]
format = json
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return the environment of somebody with a company's pip.conf and their own."""
    (tmp_path / "xdg" / "pip").mkdir(parents=True)
    (tmp_path / "home" / ".config" / "pip").mkdir(parents=True)
    (tmp_path / "xdg" / "pip" / "pip.conf").write_text(GLOBAL)
    (tmp_path / "home" / ".config" / "pip" / "pip.conf").write_text(USER)
    return {
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_DIRS": str(tmp_path / "xdg"),
        "PATH": os.environ["PATH"],
        "PIP_CERT": "/etc/ca.pem",
        "PIP_NO_INDEX": "",
        "PIP_DRY_RUN": "1",
    }


def test_settings_are_those_that_pip_has(environ: dict[str, str]) -> None:
    python = getattr(sys, "_base_executable", sys.executable)
    words = [python, "-m", "pip", "config", "list"]
    result = subprocess.run(words, env=environ, capture_output=True, text=True)
    if result.returncode:
        pytest.skip("this Python has no pip")
    theirs: dict[str, Any] = {}
    for line in sorted(result.stdout.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in ("global", "install") or (section == ":env:" and value != "''"):
            theirs[key] = value.strip("'").replace("\\n", " ").split()
    for key in ("target", "dry-run", "log", "disable-pip-version-check"):
        theirs.pop(key, None)
    ours = {name: text.split() for name, text in sources.pip_settings(environ).items()}
    assert ours == theirs


def test_pip_and_uv_are_given_the_same_sources(environ: dict[str, str]) -> None:
    extra = "https://user:hush@example.com/a/simple https://example.com/b/simple"
    pip = sources.for_pip(environ)
    given = {name: text for name, text in pip.items() if name.startswith("PIP_")}
    assert " ".join(given.pop("PIP_EXTRA_INDEX_URL").split()) == extra
    assert given.pop("PIP_TRUSTED_HOST").split() == ["a.example.com", "b.example.com"]
    given = {name: text for name, text in given.items() if "FIND_LINKS" not in name}
    given.pop("PIP_CONSTRAINT", None)
    assert given == {
        "PIP_INDEX_URL": "https://example.com/simple",
        "PIP_TIMEOUT": "8",
        "PIP_NO_BINARY": ":all:",
        "PIP_CERT": "/etc/ca.pem",
        "PIP_CONFIG_FILE": os.devnull,
    }
    uv = sources.for_uv(environ)
    assert uv["UV_DEFAULT_INDEX"] == "https://example.com/simple"
    assert uv["UV_INDEX"] == extra
    assert uv["UV_INSECURE_HOST"] == "a.example.com b.example.com"
    assert uv["UV_HTTP_TIMEOUT"] == "8" and uv["UV_NO_BINARY"] == "1"
    assert uv["SSL_CERT_FILE"] == "/etc/ca.pem"
    assert not [name for name in uv if name.startswith("PIP_")]


def test_what_uv_itself_is_told_wins(environ: dict[str, str]) -> None:
    environ |= {"UV_INDEX_URL": "https://example.com/uv", "UV_TARGET": "/nonexistent"}
    uv = sources.for_uv(environ)
    assert uv["UV_INDEX_URL"] == "https://example.com/uv" and "UV_DEFAULT_INDEX" not in uv
    assert "UV_TARGET" not in uv


def test_an_index_of_the_requirements_takes_the_place_of_the_default(
    environ: dict[str, str],
) -> None:
    assert "UV_DEFAULT_INDEX" not in sources.for_uv(environ, has_index=True)
    assert "UV_INDEX" in sources.for_uv(environ, has_index=True)


def test_builds_learn_nothing_of_what_they_have_no_business_with(environ: dict[str, str]) -> None:
    environ |= {"KFP_TOKEN": "hush", "MAKEFLAGS": "KFP_TOKEN=hush", "PYTHONPATH": "/x"}
    for given in (sources.for_pip(environ), sources.for_uv(environ)):
        assert not {"KFP_TOKEN", "MAKEFLAGS", "PYTHONPATH"} & {*given}
        assert given["PATH"] == environ["PATH"]


def test_a_configuration_that_cannot_be_read_is_one_line(environ: dict[str, str]) -> None:
    path = Path(environ["HOME"], ".config", "pip", "pip.conf")
    path.write_text("index-url = x\n")
    with pytest.raises(WorkbenchError, match=r"pip.conf: pip cannot read it") as caught:
        sources.pip_settings(environ)
    assert caught.value.status == 2 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "marker",
    [
        "python_full_version < '3.11'",
        "python_full_version >= '3.11' and sys_platform != 'win32'",
        "platform_machine != 'x86_64' or sys_platform != 'darwin'",
        "(python_version == '3.12' or os_name == 'nt') and implementation_name != 'PyPy'",
        "'linux' in sys_platform",
        "platform_machine not in 'arm64 aarch64'",
        "'3.12' > python_version",
        "python_version in '3.10 3.11'",
        "python_full_version == '3.11.*'",
        "python_full_version != '3.15.*'",
        "python_version == '3.*'",
        *(f"python_full_version {compared} '3.15'" for compared in ("<", "<=", "==", ">=", ">")),
        "python_full_version < '3.15.0' or python_full_version >= '3.15.0'",
    ],
)
@pytest.mark.parametrize("version", ["3.9.7", "3.10.0", "3.11.0", "3.12.4", "3.15.0rc1"])
def test_markers_mean_what_they_mean_to_pip(marker: str, version: str) -> None:
    values = dict(inventory.ask(Path(sys.executable)).markers)
    values |= {"python_full_version": version, "python_version": ".".join(version.split(".")[:2])}
    assert markers.holds(marker, values) == Marker(marker).evaluate(values)


@pytest.mark.parametrize("marker", ["python_version", "nonsense < '1'", "x(", "f('x') == 'y'"])
def test_a_marker_that_is_none_is_refused(marker: str) -> None:
    with pytest.raises(WorkbenchError, match="cannot be read"):
        markers.holds(marker, {})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2024.2.2", "2024.02.02", True),
        ("1.0", "1.0.0", True),
        ("1.9.0.post1", "1.9.0-post1", True),
        ("1.0+h0a1", "1.0+h0a1", True),
        ("1.0+h0a1", "1.0+h0a2", False),
        ("1.1", "1.10", False),
    ],
)
def test_versions_are_compared_as_indexes_do(one: str, other: str, same: bool) -> None:
    assert locks.same_version(one, other) == same


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("six==1.17.0\n", "'six==1.17.0' has no hash: make lock"),
        ("six --hash=sha256:00\n", "names no version: make lock"),
    ],
)
def test_a_lock_file_that_locks_nothing_is_refused(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "requirements-dev.txt"
    path.write_text(text)
    with pytest.raises(WorkbenchError, match="make lock") as caught:
        locks.read([path])
    assert what in str(caught.value) and caught.value.status == 2


def test_requirements_that_are_not_locked_are_known_by_name() -> None:
    text = (
        "# why\n-r other.txt\nsix\nNum_Py[all]==2.1 ; python_version > '3' --hash=sha256:00\n"
        "pandas>=2,<3; sys_platform == 'linux'\nx @ https://example.com/x.whl\n./a.whl\na==1.*\n"
    )
    assert [line[:3] for line in locks.wanted(text)] == [
        ("six", "", ""),
        ("num-py", "2.1", "python_version > '3'"),
        ("pandas", "", "sys_platform == 'linux'"),
        ("x", "", ""),
        ("a", "", ""),
    ]


def test_nobody_needs_a_home(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an entry in the system's list has none, as in a container."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it is then
    del environ["HOME"]
    settings = sources.pip_settings({**environ, "PIP_FIND_LINKS": "~/links"})
    assert settings["index-url"] == "https://example.com/simple" and settings["timeout"] == "7"
    with pytest.raises(WorkbenchError, match="WHEELS='~/wheels' is no folder"):
        sources.for_uv({**environ, "WHEELS": "~/wheels"})
    assert pythons.find("3.1", Path(environ["XDG_CONFIG_DIRS"], "memory")) is None
