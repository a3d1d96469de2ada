"""Small distributions for tests of set-up, the folder that holds them, and lock files of them."""

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

# Builds a wheel without any help; it asks for what cannot be had.
_BACKEND = """
import base64, hashlib, zipfile
def build_wheel(folder, settings=None, metadata=None):
    info = "{name}-{version}.dist-info/"
    files = {{
        "{name}.py": "number = '{version}'\\n",
        info + "METADATA": "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n",
        info + "WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    files[info + "RECORD"] = "".join(name + ",,\\n" for name in [*files, info + "RECORD"])
    with zipfile.ZipFile(folder + "/{name}-{version}-py3-none-any.whl", "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return "{name}-{version}-py3-none-any.whl"
"""
_SOURCES = """\
[build-system]
requires = ["no-such-builder-at-all"]
build-backend = "backend"
backend-path = ["."]
[project]
name = "{name}"
version = "{version}"
"""


def write_wheel(folder: Path, name: str, version: str, requires: Sequence[str] = ()) -> Path:
    """Write a wheel of one module with a number, its version; return the file."""
    info = f"{name}-{version}.dist-info"
    lines = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files = {
        f"{name}.py": f"number = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(each, text)
    return path


def write_sources(folder: Path, name: str, version: str) -> Path:
    """Write an archive of sources that builds itself, though it asks for a builder; return it."""
    path = folder / f"{name}-{version}.tar.gz"
    values = {"name": name, "version": version}
    files = {
        "pyproject.toml": _SOURCES.format(**values),
        "backend.py": _BACKEND.format(**values),
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    with tarfile.open(path, "w:gz") as archive:
        for each, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{each}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def write_index(folder: Path, archives: Sequence[Path]) -> str:
    """Write an index of archives as files; return its address."""
    for path in archives:
        name = path.name.split("-")[0]
        page = folder / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        link = f'<a href="{path.as_uri()}#sha256={sha256(path)}">{path.name}</a>\n'
        before = page.read_text(encoding="utf-8") if page.exists() else "<!DOCTYPE html>\n"
        page.write_text(before + link, encoding="utf-8")
    return folder.as_uri()


def locked(path: Path) -> str:
    """Return the line of a lock file for an archive."""
    name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
    return f"{name}=={version} \\\n    --hash=sha256:{sha256(path)}\n"


def sha256(path: Path) -> str:
    """Return the digest of a file, in hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
