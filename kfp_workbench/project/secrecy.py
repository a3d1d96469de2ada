"""Keeps secrets off the screen and from others: which names hold them, how their values are hidden.

KFP itself knows no secret parameters: it stores them, and shows them, in clear.
"""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kfp_workbench.errors import WorkbenchError

MASK = "***"
MIN_MASKED = 4  # characters; a shorter text is in every other word
# What signs in to KFP is the endpoint's alone: no step and no package's build gets it.
SIGN_IN = (
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


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What holds a secret, wherever in a name it stands; also at the end of a longer word.
_SECRET = _words(
    """
    passwords passphrases passcode pwd secrets credential credentials cred creds apikeys
    """
)
_ENDS = (
    *("password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey"),
    *("secretkey", "accesstoken", "apitoken", "authtoken"),
)
# A key is a secret by the word before it; a public, primary or cache key is none.
_KEYS = _words(
    """
    access account api app auth client deploy encryption hmac license master private rsa session
    shared signing ssh
    """
)
_LAST = _words("authorization bearer cookie dsn jwt")
_PASS = _words("admin database db login proxy root smtp sql user")
# To language models, a token is a piece of text.
_TEXT_BEFORE = _words(
    """
    bos class cls end eos first image last mask max min n next num pad per sep special start stop
    total unk
    """
)
_TEXT_AFTER = _words(
    """
    classification classifier dropout embedding embeddings id ids merging mixing pooling pruning
    """
)
_TOKENS = _words("access api auth bearer refresh session")
# What a name that ends so holds is no secret, but says something about one, or where it is.
_ABOUT = _words(
    """
    age budget class column count dim dir enabled endpoint env expires expiry field file folder
    format header host index kind len length level lifetime limit manager mount name names
    namespace path pattern policy provider rate ratio ref region required size store timeout ttl
    type types uri url var variable version window
    """
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def is_secret(name: str) -> bool:
    """Tell whether a parameter or variable of this name looks as if it held a secret.

    Goes by the words of the name, in any case: ``db_password``, ``apiKey`` and ``HF_TOKEN``
    do; ``tokenizer``, ``max_tokens``, ``public_key`` and ``token_file`` do not.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if len(words) > 1 and (words[-1] in _ABOUT or words[-2:] == ["key", "id"]):
        return False
    return any(
        _is_secret_word(word, before, after)
        for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False)
    )


def _is_secret_word(word: str, before: str, after: str) -> bool:
    if word == "token":
        return before not in _TEXT_BEFORE and after not in _TEXT_AFTER
    if word == "tokens":
        return before in _TOKENS
    if word in ("key", "keys"):
        return before in _KEYS
    if word == "pass":
        return before in _PASS and not after
    if word == "string":
        return before == "connection"
    return word in _SECRET or word.endswith(_ENDS) or (word in _LAST and not after)


def secret_texts(value: Any, name: str = "") -> frozenset[str]:
    """Return the texts and numbers that stand under secret names, for `Mask` to hide.

    ``value`` may be a mapping of parameters, or that of the parameter ``name``.
    """
    return frozenset(_texts(value, is_secret(name)))


def _texts(value: Any, secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, secret or is_secret(str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, secret)
    elif secret and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield str(value)


def hide(value: Any, name: str = "") -> Any:
    """Return a copy of ``value`` to be shown: ``***`` for all that stands under a secret name.

    ``value`` may be a mapping of parameters, or that of the parameter ``name``.
    """
    if is_secret(name):
        return MASK
    if isinstance(value, dict):
        return {key: hide(item, str(key)) for key, item in value.items()}
    return [hide(item) for item in value] if isinstance(value, list) else value


def without_sign_in(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for what must not sign in to KFP."""
    return {name: text for name, text in environ.items() if name not in (*SIGN_IN, *_MAKE)}


class Secret(str):
    """Text that is not shown where objects are, such as in a traceback with variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{MASK}'"


class Mask:
    """Hides secrets in what is about to be printed.

    They are found as they are, line by line, and as Python, JSON, HTML and addresses write
    them. Forms of less than ``shortest`` characters are let through.
    """

    def __init__(self, secrets: Iterable[str] = (), shortest: int = MIN_MASKED) -> None:
        forms = {form for secret in secrets for form in _forms(str(secret))}
        forms = {form for form in forms if len(form) >= shortest}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """Return a text with ``***`` in place of secrets."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def result(self, value: Any) -> Any:
        """Return a JSON value with the secrets in its texts, keys and numbers hidden."""
        if isinstance(value, dict):
            return {self(key): self.result(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.result(item) for item in value]
        if isinstance(value, str):
            return self(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return MASK if self(str(value)) == MASK else value
        return value

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Hide secrets in the message of an WorkbenchError that comes up within."""
        try:
            yield
        except WorkbenchError as error:
            if (message := self(str(error))) == str(error):
                raise
            raise type(error)(message, error.status) from None


NO_MASK = Mask()


def _forms(secret: str) -> set[str]:
    import html  # both cost every verb that has no secret
    from urllib.parse import quote, quote_plus

    forms = {text.strip() for text in (secret, *secret.splitlines())} | {" ".join(secret.split())}
    escapes = (repr, json.dumps, lambda text: json.dumps(text, ensure_ascii=False))
    for _ in range(2):  # a parameter's JSON within a command line within another text
        forms |= {escape(text)[1:-1] for text in forms for escape in escapes}
    escaped = html.escape(secret, quote=False)
    quoted = escaped.replace('"', "&#34;").replace("'", "&#39;").replace("+", "&#43;")  # Go's
    addresses = {quote(secret, safe=safe, errors="surrogateescape") for safe in ("/", "")}
    addresses.add(quote_plus(secret, errors="surrogateescape"))
    return (forms | addresses | {secret, escaped, quoted, html.escape(secret)}) - {""}


def hide_assignments(text: str) -> str:
    """Return ``text`` up to what is assigned to a secret name in it.

    Be it as ``password=x``, as ``password: x`` or in JSON.
    """
    for match in re.finditer(r"(?<![\w.-])([\w.-]+)['\"]?\s*[=:]\s*(?=\S)", text):
        if is_secret(match[1]):
            return f"{text[: match.end()]}{MASK}"
    return text
