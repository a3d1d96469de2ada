"""Docker's rules for ``.dockerignore``: which paths of a folder its engine gets.

The format is https://docs.docker.com/build/concepts/context/#dockerignore-files, its
patterns are those of Go's https://pkg.go.dev/path/filepath#Match with ``**``, as in
https://github.com/moby/patternmatcher. (docker-py's matcher ignores case, knows no
escapes, and takes too long to import for ``make check``.)
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import shown

_SPECIAL = frozenset("*?[\\")
_CHARACTER = r"(?:\\.|[^\\\]-])"
_CLASS = rf"(?s)\[(\^?)((?:{_CHARACTER}(?:-{_CHARACTER})?)+)\]"
_RANGE = rf"(?s)({_CHARACTER})(?:-({_CHARACTER}))?"


def read(path: Path) -> list[str]:
    """Return the patterns of a ``.dockerignore``, none if it is not there.

    Raises WorkbenchError (2) for one that cannot be read, and for a pattern that Docker refuses.
    """
    if not path.exists():
        return []
    if not path.is_file():
        raise WorkbenchError(f"{path.name} is no file: put one in its place", 2)
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    found = list(numbered(text))
    for line, pattern in found:
        if problem := pattern_problem(pattern):
            raise WorkbenchError(f"{path.name}:{line}: {problem}", 2)
    return [pattern for _, pattern in found]


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """Return the patterns of a file's text as Docker cleans them, with their lines."""
    for line, pattern in enumerate(text.split("\n"), start=1):
        if pattern.startswith("#") or not pattern.strip():
            continue
        pattern = pattern.strip()
        exception = "!" if pattern.startswith("!") else ""
        yield line, exception + _clean(pattern.removeprefix("!").strip())


def pattern_problem(pattern: str) -> str | None:
    """Return why Docker refuses a pattern, with the cure, or None."""
    try:
        _expression(pattern.removeprefix("!"))
    except re.error:
        return f"{shown(pattern)} is no pattern: escape [ and \\ by a \\ before them"
    return None if pattern != "!" else "'!' excepts nothing: write a pattern after it"


def admits(patterns: Sequence[str], name: str) -> bool:
    """Tell whether a path, relative and with slashes, is left in by patterns as `read` has them.

    The last pattern that matches it, or a folder that it is in, decides.
    """
    places = [name, *folders(name)]
    for pattern in reversed(patterns):
        if any(matches(pattern.removeprefix("!"), place) for place in places):
            return pattern.startswith("!")
    return True


def matches(pattern: str, name: str) -> bool:
    """Tell whether a pattern, not an exception, stands for this very path."""
    if _SPECIAL.isdisjoint(pattern):
        return pattern == name  # to make an expression of it takes a hundred times as long
    return bool(_expression(pattern).fullmatch(name))


def folders(name: str) -> list[str]:
    """Return the folders that a path, relative and with slashes, is in: the innermost first."""
    return [name[:end] for end in range(len(name) - 1, 0, -1) if name[end] == "/"]


def stands_for(source: str, name: str) -> bool:
    """Tell whether a source of ``COPY`` stands for a path; one that is no pattern, for itself."""
    try:
        return matches(source, name)
    except re.error:
        return source == name


def _clean(pattern: str) -> str:
    """Return a pattern without what makes no difference to a path (Go's filepath.Clean)."""
    return posixpath.normpath(pattern).lstrip("/") if pattern else ""


@lru_cache(maxsize=1000)
def _expression(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression; raises re.error for one that is none."""
    if re.fullmatch(r"\*\*[^*?\[\]\\]*", pattern):  # **.py, unlike **.p?, ends any path
        end = pattern[2:]
        start = "(?:.*/)?" if end.startswith("/") else ".*"
        return re.compile(start + re.escape(end.removeprefix("/")), re.S)
    return re.compile("".join(_parts(pattern)), re.S)


def _parts(pattern: str) -> Iterator[str]:
    place = 0
    while place < len(pattern):
        rest = pattern[place:]
        if rest.rstrip("/") == "**":
            token, part = rest, ".*"
        elif rest.startswith("**"):
            token, part = ("**/" if rest.startswith("**/") else "**"), "(?:.*/)?"
        elif rest[0] in "*?":
            token, part = rest[0], "[^/]*" if rest[0] == "*" else "[^/]"
        elif rest[0] == "[":
            if not (match := re.match(_CLASS, rest)):
                raise re.error("no character class")
            token, part = match.group(), f"[{match[1]}{''.join(_ranges(match[2]))}]"
        elif rest[0] == "\\":
            if len(rest) == 1:
                raise re.error("nothing to escape")
            token, part = rest[:2], re.escape(rest[1])
        else:
            token, part = rest[0], re.escape(rest[0])
        yield part
        place += len(token)


def _ranges(content: str) -> Iterator[str]:
    """Return the ranges within a character class as regular expressions have them."""
    for first, last in re.findall(_RANGE, content):
        yield "-".join(re.escape(character[-1]) for character in (first, last) if character)
