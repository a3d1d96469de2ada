"""What a task fails of: a reason for people, and a code for those who compare."""


class ProblemError(Exception):
    """Something that a driver, a launcher or an importer does not go on with.

    ``code`` is one of: exit-status, signal, command-not-found, time-limit, no-value, placeholder, null,
    type, condition, unresolved, upstream, setting, output-missing, output-type, output, metadata,
    address, download.
    """

    code = "unresolved"

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code or self.code


class CelError(ProblemError):
    """An expression that cannot be read, or cannot be evaluated."""

    code = "condition"
