"""What the server says when it does not do what it was asked."""

import json

INTERNAL = "Internal Server Error"


class RefusalError(Exception):
    """An HTTP status and gRPC code with a message, as the gateway sends them.

    ``told`` is what of it is for callers, as KFP thinks; what the gateway itself refuses has
    none.
    """

    content_type = "application/json"

    def __init__(self, status: int, code: int, message: str, told: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.told = status, code, told

    def within(self, message: str) -> "RefusalError":
        """Return it with what was under way when it came."""
        return RefusalError(self.status, self.code, f"{message}: {self}", self.told)

    @property
    def body(self) -> str:
        """Return the answer's body."""
        kind = "type.googleapis.com/google.rpc.Status"
        details = [{"@type": kind, "code": self.code, "message": self.told}]
        answer = {"code": self.code, "message": str(self)}
        return json.dumps({**answer, **({"details": details} if self.told else {})})


class UploadError(RefusalError):
    """What the two upload addresses send, which do not go through the gateway."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, 0, message)

    @property
    def body(self) -> str:
        """Return the answer's body."""
        return json.dumps({"error_message": str(self), "error_details": str(self)})


class PlainError(RefusalError):
    """What is answered as plain text."""

    content_type = "text/plain; charset=utf-8"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, 0, message)

    @property
    def body(self) -> str:
        """Return the answer's body."""
        return f"{self}\n"


def invalid(message: str) -> RefusalError:
    """Return what the server says of wrong input."""
    return RefusalError(400, 3, f"Invalid input error: {message}", message)


def missing(what: str, identifier: str) -> RefusalError:
    """Return what the server says of something that is not there."""
    told = f"{what} {identifier} not found"
    return RefusalError(404, 5, f"ResourceNotFoundError: {told}", told)


def taken(message: str) -> RefusalError:
    """Return what the server says of a name that something has already."""
    return RefusalError(409, 6, f"Already exist error: {message}", message)


def internal(message: str, cause: str) -> RefusalError:
    """Return what the server says of its own failures, and of some wrong input."""
    return RefusalError(500, 13, f"InternalServerError: {message}: {cause}", INTERNAL)


def too_long(column: str) -> RefusalError:
    """Return what the server says of a value that its database has no room for."""
    cause = f"Error 1406 (22001): Data too long for column '{column}' at row 1"
    return internal("Failed to write to the database", cause)
