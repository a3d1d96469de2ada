"""The one error that people get to see as a line instead of a traceback."""


class OpsError(Exception):
    """Something that the user can mend.

    ``message`` is one line: what was wrong, with the value, and what to do.
    ``status`` is the exit status: 2 for wrong input, 1 for a failure while running.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
