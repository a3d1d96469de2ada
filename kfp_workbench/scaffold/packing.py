"""The package as a wheel, which every project gets a copy of.

Where projects are made there is no build backend, so that the wheel is written here; it holds, file by
file, what ``make wheel`` makes with one. The same sources give the
same bytes everywhere: nothing is compressed, as versions of zlib differ in what they make of a text.
Git does not mind: it compresses by itself, and stores of a next version what is new in it.
"""

import os
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile, ZipInfo

import kfp_workbench

TEMPLATE = Path(__file__).resolve().parents[2]
PACKAGE = "kfp_workbench"
VENDOR = "vendor"

# https://packaging.python.org/en/latest/specifications/binary-distribution-format/
_WHEEL = f"""\
Wheel-Version: 1.0
Generator: {PACKAGE}
Root-Is-Purelib: true
Tag: py3-none-any
"""
# https://packaging.python.org/en/latest/specifications/core-metadata/
_METADATA = """\
Metadata-Version: 2.4
Name: {name}
Version: {version}
Summary: {description}
License-Expression: {license}
License-File: LICENSE
Requires-Python: {requires-python}
{requirements}
Description-Content-Type: text/markdown

{readme}"""
_DATE = (2020, 2, 2, 0, 0, 0)  # that of hatchling
_UNIX = 3  # whose modes there are
_MODE = 0o100644


class Wheel(NamedTuple):
    """A wheel in memory."""

    name: str  # of the file
    content: bytes


def vendor(project: Path, template: Path = TEMPLATE) -> None:
    """Put the template's package into a project, and a last line about it into its lock file.

    Another wheel of the package that was there goes, and its line.
    """
    wheel = pack(template)
    folder = project / VENDOR
    folder.mkdir(exist_ok=True)
    for path in folder.glob(f"{PACKAGE}-*.whl"):
        path.unlink()
    (folder / wheel.name).write_bytes(wheel.content)
    line = f"./{VENDOR}/{wheel.name}"
    _end_with(project / "requirements-dev.in", line)
    locked = f"{line} --hash=sha256:{sha256(wheel.content).hexdigest()}"
    _end_with(project / "requirements-dev.txt", locked)


def pack(template: Path = TEMPLATE) -> Wheel:
    """Return the package in the folder ``template`` as a wheel."""
    files = dict(_package(template))
    metadata = _metadata(template)
    licence = (template / "LICENSE").read_bytes()
    number = _version(files, metadata, licence)
    info = f"{PACKAGE}-{number}.dist-info"
    files[f"{info}/METADATA"] = metadata.replace("{version}", number).encode()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/licenses/LICENSE"] = licence
    record = f"{info}/RECORD"
    files[record] = f"{_record(files)}{record},,\n".encode()
    return Wheel(f"{PACKAGE}-{number}-py3-none-any.whl", _archive(files))


def version(template: Path = TEMPLATE) -> str:
    """Return the package's version, and with a + a digest of all that its wheel holds."""
    licence = (template / "LICENSE").read_bytes()
    return _version(dict(_package(template)), _metadata(template), licence)


def _version(files: Mapping[str, bytes], metadata: str, licence: bytes) -> str:
    basis = _record({**files, "METADATA": metadata.encode(), "LICENSE": licence})
    # A letter first: a version's part of digits alone would lose the zeros that it begins with.
    return f"{kfp_workbench.__version__}+h{sha256(basis.encode()).hexdigest()[:16]}"


def _package(template: Path) -> Iterator[tuple[str, bytes]]:
    """Return the package's files, by their names in the wheel; a folder's own come first."""
    for path, folders, names in os.walk(template / PACKAGE):
        folders[:] = sorted(name for name in folders if not _is_left_over(name))
        folder = Path(path)
        prefix = folder.relative_to(template).as_posix()
        for name in sorted(names):
            if not _is_left_over(name):
                yield f"{prefix}/{name}", (folder / name).read_bytes()


def _is_left_over(name: str) -> bool:
    """Tell whether a tool or an editor made a file or folder of this name."""
    return name.startswith(".") or name == "__pycache__" or name.endswith(("~", ".pyc"))


def _metadata(template: Path) -> str:
    """Return the wheel's metadata, which still has ``{version}`` for the version."""
    texts, requirements = _project((template / "pyproject.toml").read_text(encoding="utf-8"))
    texts["readme"] = (template / texts["readme"]).read_text(encoding="utf-8")
    texts["requirements"] = "\n".join(f"Requires-Dist: {line}" for line in sorted(requirements))
    return _METADATA.format(**texts, version="{version}")


def _project(text: str) -> tuple[dict[str, str], list[str]]:
    """Return what ``[project]`` has: the texts, and the dependencies.

    Python has no reader of TOML before 3.11: a text or a dependency is in double quotes, on its line.
    """
    table = text.partition("\n[project]\n")[2].partition("\n[")[0]
    texts = {}
    requirements = []
    for line in table.splitlines():
        key, _, value = line.partition(" = ")
        if value.startswith('"'):
            texts[key] = value.strip('"')
        elif line.startswith('    "'):
            requirements.append(line.strip(' ",'))
    return texts, requirements


def _record(files: Mapping[str, bytes]) -> str:
    """Return a line a file: its name, the digest of its content, its size."""
    lines = []
    for name, content in files.items():
        lines.append(f"{name},{digest(content)},{len(content)}\n")
    return "".join(lines)


def digest(content: bytes) -> str:
    """Return a file's digest as a wheel's record has it."""
    return f"sha256={urlsafe_b64encode(sha256(content).digest()).rstrip(b'=').decode()}"


def _archive(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP file that depends on nothing but names and contents."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as whole:
        for name, content in files.items():
            info = ZipInfo(name, _DATE)
            info.create_system = _UNIX
            info.external_attr = _MODE << 16
            whole.writestr(info, content)
    return buffer.getvalue()


def _end_with(path: Path, last: str) -> None:
    """Let a file of requirements end with the line on the package."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(f"./{VENDOR}/{PACKAGE}-")]
    path.write_text("\n".join([*kept, last, ""]), encoding="utf-8")
