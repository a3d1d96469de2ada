"""What the server says when it does not do what it was asked."""

import json


class RefusalError(Exception):
    """An HTTP status and gRPC code with a message, as the gateway sends them."""

    def __init__(self, status: int, code: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.kind = status, code, kind

    @property
    def body(self) -> str:
        """Return the answer's body."""
        said = f"{self.kind}{self}"
        detail = {"@type": "type.googleapis.com/google.rpc.Status", "code": self.code}
        details = [{**detail, "message": str(self)}]
        return json.dumps({"error": said, "code": self.code, "message": said, "details": details})


class UploadError(RefusalError):
    """What the two upload addresses send, which do not go through the gateway."""

    @property
    def body(self) -> str:
        """Return the answer's body."""
        return json.dumps({"error_message": str(self), "error_details": f"{self}: at line 1"})


def invalid(message: str) -> RefusalError:
    return RefusalError(400, 3, message, "Invalid input error: ")


def missing(what: str, identifier: str) -> RefusalError:
    return RefusalError(404, 5, f"{what} {identifier} not found")


def internal() -> RefusalError:
    """Return what the server says of a value that its database has no room for."""
    return RefusalError(500, 13, "Internal Server Error")
