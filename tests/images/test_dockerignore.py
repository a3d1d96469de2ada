"""What the engine gets: `.dockerignore` is read by Docker's own rules."""

import os
from pathlib import Path

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import dockerignore

# What a .dockerignore says, a path, and whether the engine gets it. Most are moby/patternmatcher's.
ADMITTED = [
    ("", "any/file", True),
    ("# *", "file", True),
    ("# *", "# a", True),
    (" #", "#", False),
    ("*", "a", False),
    ("*", "a/b", False),
    ("*\n!a", "a/b/c", True),
    ("*\n!a/b", "a/c", False),
    ("*\n!a\na/b", "a/b/c", False),
    ("!a\n*", "a", False),
    ("*\n! a/*.py", "a/b.py", True),
    ("*\n!a/*.py", "a/b/c.py", False),
    ("*\n!a/**/*.py", "a/b.py", True),
    ("*\n!a/**/*.py", "a/b/c/d.py", True),
    ("a", "A", True),
    ("/a/", "a/b", False),
    ("  //a/./x/../b  ", "a/b", False),
    ("../a", "a", True),
    (".", "a", True),
    ("/", "a", True),
    ("docs\n!docs/README.md", "docs/README.md", True),
    ("**", "a/b", False),
    ("**/", "a/b", False),
    ("a/**", "a/b/c", False),
    ("a/**", "a", True),
    ("a**", "ab/c", False),
    ("**/a", "a", False),
    ("**/a", "b/c/a/d", False),
    ("**/a", "ba", True),
    ("**a", "b/ca", False),
    ("**a?", "b/cad", True),
    ("**/a?", "b/ad", False),
    ("**/**/*.txt", "a/b/c.txt", False),
    ("a**/*.txt", "a/b/c.txt", False),
    ("a*/b", "a/c/b", True),
    ("a?b", "a\u263ab", False),
    ("a?b", "a/b", True),
    ("a?b", "ab", True),
    ("a?b", "axxb", True),
    ("a*b", "axxb", False),
    ("a.b", "acb", True),
    ("a[b-d]e", "ace", False),
    ("a[b-d]e", "aae", True),
    ("a[^b-d]e", "aze", False),
    ("a[^b-d]e", "ace", True),
    ("a[!b]c", "a!c", False),
    ("a[!b]c", "adc", True),
    ("[x\\-]", "-", False),
    ("[\\]a]", "]", False),
    ("a\\*b", "a*b", False),
    ("a\\*b", "acb", True),
    ("a(b)|{c}+$", "a(b)|{c}+$", False),
    ("\ufeffa\r\nb\r\n", "a", False),
    ("\ufeffa\r\nb\r\n", "b", False),
]


@pytest.mark.parametrize(("text", "name", "admitted"), ADMITTED)
def test_dockerignore_is_read_as_docker_does(
    tmp_path: Path, text: str, name: str, admitted: bool
) -> None:
    (tmp_path / ".dockerignore").write_text(text, encoding="utf-8", newline="")
    patterns = dockerignore.read(tmp_path / ".dockerignore")
    assert dockerignore.admits(patterns, name) is admitted


@pytest.mark.parametrize(
    "pattern", ["[", "a[", "[]a]", "[x-]", "[-x]", "[a-b-c]", "[d-b]", "\\", "!"]
)
def test_a_pattern_that_docker_refuses_is_refused(tmp_path: Path, pattern: str) -> None:
    (tmp_path / ".dockerignore").write_text(f"*\n{pattern}\n")
    with pytest.raises(WorkbenchError, match=r"^\.dockerignore:2: .*: ") as error:
        dockerignore.read(tmp_path / ".dockerignore")
    assert error.value.status == 2


def test_a_dockerignore_that_is_no_file_is_refused(tmp_path: Path) -> None:
    assert dockerignore.read(tmp_path / ".dockerignore") == []
    os.mkfifo(tmp_path / ".dockerignore")
    with pytest.raises(WorkbenchError, match="is no file"):
        dockerignore.read(tmp_path / ".dockerignore")
