"""What nobody may see: the variables that let us in, and texts that no message may hold."""

import html
import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

# The endpoint's alone: no step and no package's build gets them.
VARIABLES = (
    "KFP_TOKEN",
    "KFP_TOKEN_FILE",
    "KFP_COOKIE",
    "KFP_USERNAME",
    "KFP_PASSWORD",
    "KFP_PASSWORD_FILE",
    "KF_PIPELINES_SA_TOKEN_PATH",  # kfp's own
)
# Where make keeps what stood on its command line (`make local KFP_TOKEN=...`).
_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES")


class Secret(str):
    """Text that is not shown where objects are, such as in a traceback with variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def without(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for what must not sign in to KFP."""
    return {name: text for name, text in environ.items() if name not in (*VARIABLES, *_MAKE)}


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with *** for each secret, also in the forms that servers echo it in."""
    forms = {form for secret in secrets for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):  # one may be a part of another
        text = text.replace(form, "***")
    return text


def _forms(secret: str) -> set[str]:
    """Return a secret as it is, on one line, and as URLs, forms, HTML and JSON have it."""
    plain = str(secret)
    escaped = html.escape(plain, quote=False)
    forms = {plain, " ".join(plain.split()), repr(plain)[1:-1], escaped, html.escape(plain)}
    forms.add(escaped.replace('"', "&#34;").replace("'", "&#39;").replace("+", "&#43;"))  # Go's
    forms |= {quote(plain), quote(plain, safe=""), quote_plus(plain)}
    forms |= {json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
    return forms - {""}
