"""The reason within what KFP's API server says of an error.

It wraps each error in others, outermost first, and in the kinds of its own; an error of
another kind comes as Go prints one with ``%+v``: innermost first, each with its stack.
https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/common/util/error.go
"""

import re

# What the server's own errors put before their reason.
_KINDS = (
    *("InternalServerError", "InvalidInputError", "Invalid input error", "BadRequestError"),
    *("ResourceNotFoundError", "NotFoundError", "FailedPreconditionError"),
    *("Already exist error", "ServiceUnavailable", "Unauthenticated", "PermissionDenied"),
)
_WRAPPED = re.compile(rf".*\b(?:{'|'.join(_KINDS)}): (?=\S)", re.DOTALL)
_FRAME = re.compile(r"\n[^\s]+\n\t[^\n]+:[0-9]+")  # a function, and below it where it is
# What the server refuses for a text, and what to do about it; see `kfp_workbench.project.texts`.
_CURES = {
    "Incorrect string value": "a text has a character beyond U+FFFF, leave that out",
    "failed to resolve {{": "put a space between the braces of that text",
}
_INTERNAL = "Internal error: "


def innermost(said: str) -> str:
    """Return the reason alone, without wrappers and stacks; what is no error of KFP's stays."""
    before, *frames = _FRAME.split(said, maxsplit=1)
    if frames:  # the last line is the first wrapper's, unless there is no other
        *reason, wrapper = before.removeprefix(_INTERNAL).split("\n")
        before = "\n".join(reason) or wrapper
    wrapped = _WRAPPED.match(before)  # at the start alone: a search would begin anew at each letter
    return before[wrapped.end() :] if wrapped else before


def cure(reason: str) -> str | None:
    """Return what to do about a reason that is a text in what was sent, or None for others."""
    return next((cure for words, cure in _CURES.items() if words in reason), None)
