"""What a check found: where, what is wrong, and the cure."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One breach of the contract."""

    path: str  # below the project's folder, with slashes
    line: int  # from 1
    what: str
    cure: str

    @property
    def text(self) -> str:
        """Return the finding as compilers write theirs: ``path:line: what: cure``."""
        path = self.path if self.path.isprintable() else ascii(self.path)
        return f"{path}:{self.line}: {self.what}: {self.cure}"

    @property
    def annotation(self) -> str:
        """Return the finding as a command to GitHub, which shows it beside the line.

        https://docs.github.com/actions/reference/workflow-commands-for-github-actions
        """
        path = _escaped(self.path).replace(":", "%3A").replace(",", "%2C")
        message = _escaped(f"{self.what}: {self.cure}")
        return f"::error file={path},line={self.line},title=make check::{message}"


def said(path: str, line: int, problem: str) -> Finding:
    """Return a finding of a message that ends with its cure, after a colon."""
    what, _, cure = problem.rpartition(": ")
    return Finding(path, line, what, cure)


def _escaped(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()  # a file's name may be no UTF-8
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
