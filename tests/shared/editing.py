"""Changes to a project's files."""

import re
from pathlib import Path


def set_server(project: Path, text: str) -> None:
    """Write what pyproject.toml has for ``server``; nothing takes it away."""
    path = project / "pyproject.toml"
    kept = re.sub("^server = .*\n", "", path.read_text(), flags=re.M)
    line = f"server = {text}\n" if text else ""
    path.write_text(kept.replace("[tool.pipeline]\n", f"[tool.pipeline]\n{line}"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
