"""The package as a wheel: what is in it, that its name tells, and that installers take it."""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from importlib.metadata import packages_distributions
from io import BytesIO
from pathlib import Path

import pytest

import kfp_workbench
from kfp_workbench.scaffold import packing
from shared.baking import TEMPLATE, environment, pythons

SOURCES = ("LICENSE", "pyproject.toml", packing.PACKAGE)


@pytest.fixture(scope="module")
def wheel() -> packing.Wheel:
    return packing.pack()


@pytest.fixture(scope="module")
def built() -> zipfile.ZipFile:
    """Return what the build backend makes."""
    words = ["make", "-s", "wheel", f"USE_VENV={sys.prefix}"]
    shutil.rmtree(TEMPLATE / "build" / "wheel", ignore_errors=True)
    subprocess.run(words, cwd=TEMPLATE, env=environment(), check=True, capture_output=True)
    (path,) = (TEMPLATE / "build" / "wheel").iterdir()
    return zipfile.ZipFile(path)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of all that the wheel is made of."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in SOURCES:
        source = TEMPLATE / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / name)
    return folder


def opened(wheel: packing.Wheel) -> zipfile.ZipFile:
    return zipfile.ZipFile(BytesIO(wheel.content))


def named(wheel: zipfile.ZipFile, end: str) -> str:
    (name,) = (name for name in wheel.namelist() if name.endswith(f".dist-info/{end}"))
    return wheel.read(name).decode()


def test_it_is_what_a_build_backend_makes(wheel: packing.Wheel, built: zipfile.ZipFile) -> None:
    """All but the line that says which program made it."""
    ours = opened(wheel)
    assert ours.testzip() is None
    assert Path(str(built.filename)).name == wheel.name
    assert ours.namelist() == built.namelist()
    differing = [name for name in ours.namelist() if ours.read(name) != built.read(name)]
    assert [name.partition(".dist-info/")[2] for name in differing] == ["WHEEL", "RECORD"]
    for end, line in (("WHEEL", "^Generator: .+$"), ("RECORD", r"^[^,]+/WHEEL,.+$")):
        texts = [re.sub(line, "", named(each, end), flags=re.M) for each in (ours, built)]
        assert texts[0] == texts[1]
    for one, other in zip(ours.infolist(), built.infolist(), strict=True):
        assert one.date_time == other.date_time
        assert one.external_attr >> 16 & 0o777 == other.external_attr >> 16 & 0o777
        assert one.compress_type == zipfile.ZIP_STORED


def test_the_record_is_true(wheel: packing.Wheel) -> None:
    ours = opened(wheel)
    lines = [line.split(",") for line in named(ours, "RECORD").splitlines()]
    assert [line[0] for line in lines] == ours.namelist()
    for name, digest, size in lines[:-1]:
        content = ours.read(name)
        assert digest == packing.digest(content) and int(size) == len(content)
    assert lines[-1][1:] == ["", ""]


def test_it_has_what_a_package_needs_and_no_tests(wheel: packing.Wheel) -> None:
    ours = opened(wheel)
    assert named(ours, "licenses/LICENSE") == (TEMPLATE / "LICENSE").read_text(encoding="utf-8")
    data = {name for name in ours.namelist() if not name.endswith(".py")}
    assert {f"{packing.PACKAGE}/{name}" for name in ("py.typed", "report/style.css")} < data
    tracked = subprocess.run(
        ["git", "ls-files", packing.PACKAGE], cwd=TEMPLATE, capture_output=True, text=True
    ).stdout.split()
    assert not tracked or set(tracked) == {n for n in ours.namelist() if ".dist-info/" not in n}
    metadata = Parser().parsestr(named(ours, "METADATA"))
    assert metadata["Name"] == "kfp-workbench" and metadata["Requires-Python"] == ">=3.10"
    assert metadata["Version"].startswith(f"{kfp_workbench.__version__}+h")
    assert wheel.name == f"{packing.PACKAGE}-{metadata['Version']}-py3-none-any.whl"


def test_it_requires_what_it_imports(wheel: packing.Wheel) -> None:
    lines = Parser().parsestr(named(opened(wheel), "METADATA")).get_all("Requires-Dist", [])
    distributions = packages_distributions()
    # What several share a folder of; what Python 3.10 has not; what is called as a command. pytest
    # itself imports the plugin. A prompt is IPython's only in an environment that has it.
    special = {"google": ["protobuf"], "kfp": ["kfp", "kfp-kubernetes"], "tomli": ["tomli"]}
    imported = {"uv"}
    for module in _imported() - {"pytest", "_pytest", "IPython"}:
        imported.update(special.get(module) or distributions[module])
    required = {re.split("[^a-z0-9-]", line)[0] for line in lines}
    assert {name.lower().replace("_", "-") for name in imported} == required


def _imported() -> set[str]:
    """Return the modules that the package imports, its own and Python's aside."""
    found = set()
    for path in (TEMPLATE / packing.PACKAGE).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
    return found - sys.stdlib_module_names - {packing.PACKAGE, "tomllib"}


def test_the_same_sources_give_the_same_bytes(wheel: packing.Wheel, copy: Path) -> None:
    """Whatever their dates and modes, and whatever tools and editors left beside them."""
    for path in copy.rglob("*"):
        path.chmod(0o755)
        os.utime(path, (0, 0))
    for name in ("__pycache__/a.pyc", ".ruff_cache/a", ".DS_Store", "errors.py~", "graph/a.pyc"):
        left = copy / packing.PACKAGE / name
        left.parent.mkdir(exist_ok=True)
        left.write_text("left over")
    assert packing.pack(copy) == wheel


@pytest.mark.parametrize("name", ["errors.py", "report/style.css", "../LICENSE", "README.md"])
def test_another_byte_gives_another_name(wheel: packing.Wheel, copy: Path, name: str) -> None:
    path = copy / packing.PACKAGE / name
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    assert packing.pack(copy).name != wheel.name
    assert packing.pack(copy).name == f"{packing.PACKAGE}-{packing.version(copy)}-py3-none-any.whl"


def test_another_requirement_or_file_gives_another_name(wheel: packing.Wheel, copy: Path) -> None:
    names = {wheel.name}
    project = copy / "pyproject.toml"
    project.write_text(project.read_text().replace("docker>=", "docker>"))
    names.add(packing.pack(copy).name)
    (copy / packing.PACKAGE / "graph" / "svg.py").rename(copy / packing.PACKAGE / "svg.py")
    names.add(packing.pack(copy).name)
    assert len(names) == 3


def test_a_project_keeps_one_wheel_and_one_line(tmp_path: Path, wheel: packing.Wheel) -> None:
    old = "./vendor/kfp_workbench-0.9.0+h00-py3-none-any.whl"
    for name in ("in", "txt"):
        (tmp_path / f"requirements-dev.{name}").write_text(f"pytest\n{old}\n./vendor/other.whl\n")
    (tmp_path / "vendor").mkdir()
    (tmp_path / old).touch()
    (tmp_path / "vendor" / "other.whl").touch()
    for _ in range(2):
        packing.vendor(tmp_path)
        assert {path.name for path in (tmp_path / "vendor").iterdir()} == {wheel.name, "other.whl"}
        line = f"./vendor/{wheel.name}"
        first = "pytest\n./vendor/other.whl\n"
        digest = hashlib.sha256(wheel.content).hexdigest()
        assert (tmp_path / "requirements-dev.in").read_text() == f"{first}{line}\n"
        lock = (tmp_path / "requirements-dev.txt").read_text()
        assert lock == f"{first}{line} --hash=sha256:{digest}\n"


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_installers_take_it_and_hold_it_to_its_hash(tmp_path: Path, installer: str) -> None:
    for name in ("in", "txt"):
        (tmp_path / f"requirements-dev.{name}").touch()
    packing.vendor(tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    program = {
        "pip": ["-m", "pip", "--disable-pip-version-check", "--python", python, "install"],
        "uv": ["-m", "uv", "pip", "install", "--python", python],
    }[installer]
    words = [sys.executable, *program, "--no-deps", "--no-index", "--require-hashes"]
    words += ["-r", "requirements-dev.txt"]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    code = "import kfp_workbench as w; print(w.__version__, w.__file__)"
    said = subprocess.run(
        [python, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True
    ).stdout
    assert said.startswith(f"{kfp_workbench.__version__} {tmp_path}/venv/lib/")
    (path,) = (tmp_path / "vendor").iterdir()
    with zipfile.ZipFile(path) as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
        files[f"{packing.PACKAGE}/errors.py"] = b"changed"
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in files.items():
            changed.writestr(name, content)
    words.append("--force-reinstall")
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode != 0 and "hash" in result.stderr.lower()


def test_an_index_would_take_it(tmp_path: Path, wheel: packing.Wheel) -> None:
    path = tmp_path / wheel.name
    path.write_bytes(wheel.content)
    words = [sys.executable, "-m", "twine", "check", "--strict", str(path)]
    result = subprocess.run(words, capture_output=True, text=True)
    assert result.returncode == 0 and "PASSED" in result.stdout, result.stdout


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_python_imports_from_the_wheel_itself(
    tmp_path: Path, wheel: packing.Wheel, version: str
) -> None:
    if version not in pythons():
        pytest.skip(f"no Python {version} on this machine")
    path = tmp_path / wheel.name
    path.write_bytes(wheel.content)
    code = "from kfp_workbench.project import names; print(names.__file__)"
    result = subprocess.run(
        [pythons()[version], "-S", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == f"{path}/kfp_workbench/project/names.py", result.stderr
