"""The grammars of names: steps, images, registries, endpoints, free text.

Pure functions on text, standard library only. Each ``*_problem`` function returns
what is wrong with a value and the cure, in one line, or None. The template
uses this very file on the answers, and the verbs use it on settings and arguments.
"""

import keyword
import re
import unicodedata
from collections.abc import Sequence

MAX_NAME = 63  # a DNS label: KFP makes Kubernetes names from these
MAX_IMAGE = 255  # Docker's limit on an image's name
MAX_SUBDOMAIN = 253  # most names of Kubernetes
MAX_EXPERIMENT = 128  # KFP's columns; the server answers longer texts with an internal error
MAX_DESCRIPTION = 255
CHANNEL = "pipelinechannel--"  # what KFP's compiler puts before the names that it makes up

# Modules that steps, pipeline.py or the tests import, and names that a
# pipeline module or a step itself uses. A test keeps this list complete.
_RESERVED = """
argparse ast base64 bool codecs collections common concurrent context contextlib copy cron_descriptor
croniter csv dataclasses datetime decimal dict difflib docker doctest dsl enum fcntl float fractions
functools google hashlib hooks html http importlib inspect int io ipaddress itertools jinja2 joblib json
keyword kfp kfp_server_api list load_component_from_file logging main markdown_it markupsafe math
kfp_workbench mypy os params pathlib pipeline platform posixpath pytest random re reprlib requests rich ruff
runpy selectors shlex shutil signal sklearn ssl stat statistics step steps str string subprocess
sys tempfile templates tests threading time tomli tomllib traceback types typing unicodedata
urllib urllib3 uuid uv venv vl_convert warnings yaml zoneinfo
"""
RESERVED = frozenset(_RESERVED.split())

_SLUG = re.compile(r"[a-z][a-z0-9-]*")
_STEP = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# https://pkg.go.dev/github.com/distribution/reference#pkg-overview
_PATH_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_DOMAIN_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_IPV6 = re.compile(r"\[[0-9a-f:]+\]")
# Colours, and what else is no text; not the ends of lines, and tabs.
_CONTROL = (
    "(\x1b\\[[0-9;]*m)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def shown(value: object) -> str:
    """Return ``value`` as a message quotes it: printable, one line, not too long."""
    text = ascii(value) if not str(value).isprintable() else repr(value)
    return text if len(text) <= 80 else f"{text[:76]}...{text[-1]}"


def called(name: str) -> str:
    """Return what people call a parameter, also one that KFP's compiler made up."""
    name = name.removeprefix(CHANNEL)
    if name.endswith("-loop-item"):
        return f"an item of {called(name.removesuffix('-loop-item'))}"
    if re.fullmatch("loop-item-param-[0-9]+", name):
        return "a loop's item"
    whole, is_part, part = name.rpartition("-subvar-")
    return f"{part} of {called(whole)}" if is_part else name


def in_kubernetes(name: str) -> str:
    """Return what kfp makes of a component's name (``kfp.dsl.utils.maybe_rename_for_k8s``)."""
    return re.sub("[^0-9a-z]+", "-", name.lower()).strip("-")


def uncoloured(text: str) -> str:
    """Return ``text`` without the colours that a tool gave it for a terminal."""
    return re.sub("\x1b\\[[0-9;]*m", "", text)


def on_screen(text: str) -> str:
    """Return what somebody else's program printed, with its colours alone of what rules a terminal.

    The rest, which could clear a screen, fill a clipboard or hide a line, is shown as it is written.
    """
    if text.isprintable():
        return text
    return re.sub(_CONTROL, lambda found: found[1] or ascii(found[0])[1:-1], text)


def slug_problem(slug: str) -> str | None:
    """Check a project's slug: ``^[a-z][a-z0-9-]*$``, at most 63 characters."""
    return _name_problem(slug, slug.replace("-", "_"), _SLUG, "a-z, 0-9 and dashes, a letter first")


def normalise_step(text: str) -> str:
    """Return a step's name as typed in snake_case: ``Load data`` is ``load_data``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text.strip())
    return re.sub(r"[\s_-]+", "_", spaced).strip("_").lower()


def step_problem(step: str) -> str | None:
    """Check a normalised step name: snake_case, at most 63 characters."""
    grammar = "letters a-z, digits, spaces, dashes and underscores, a letter first"
    return _name_problem(step, step, _STEP, grammar)


def split_steps(text: str) -> list[str]:
    """Return the normalised names in a comma-separated list, in its order."""
    return [normalise_step(part) for part in text.split(",")]


def steps_problems(steps: Sequence[str]) -> list[str]:
    """Check normalised step names, each by itself and against the others."""
    problems = [problem for step in steps if (problem := step_problem(step))]
    problems += [
        f"{shown(step)} is there {steps.count(step)} times: give each step its own name"
        for step in dict.fromkeys(steps)
        if step and steps.count(step) > 1
    ]
    return problems


def registry_problem(registry: str) -> str | None:
    """Check a registry: ``host[:port][/path]`` in Docker's grammar, nothing else."""
    example = "give host/path, such as localhost:5000/team"
    if not registry:
        return f"is empty: {example}"
    value = shown(registry)
    if "://" in registry:
        return f"{value} has a scheme: {example}"
    if registry.endswith("/"):
        return f"{value} ends with a slash: leave it off"
    if "@" in registry:
        return f"{value} has an @ (a digest or a login): {example}"
    if registry != registry.lower():
        return f"{value} has upper case: write {shown(registry.lower())}"
    host, slash, path = _split_host(registry)
    if ":" in path:
        return f"{value} has a tag: leave {shown(path[path.index(':') :])} off"
    if host and (problem := _host_problem(host)):
        return f"{value} {problem}"
    components = path.split("/") if slash or not host else []
    for component in components:
        if not _PATH_COMPONENT.fullmatch(component):
            return (
                f"{value} has the part {shown(component)}: use a-z, 0-9 and single "
                "separators (. _ -) between them"
            )
    if len(registry) > MAX_IMAGE - 1 - MAX_NAME:
        limit = MAX_IMAGE - 1 - MAX_NAME
        return f"{value} has {len(registry)} characters: at most {limit} leave room for a step"
    return None


def image_problem(image: str) -> str | None:
    """Check a base image: ``name:tag`` or ``name@sha256:...``, pinned."""
    if not image:
        return "is empty: give name:tag, such as python:3.12-slim"
    value = shown(image)
    name, at, digest = image.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return f"{value} has a malformed digest: it is sha256: and 64 hex digits"
    folder, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not _TAG.fullmatch(tag):
        return f"{value} has a malformed tag: use letters, digits and . _ -"
    if not colon and not at:
        return f"{value} has no tag: pin one, such as python:3.12-slim"
    if tag == "latest" and not at:
        return f"{value} is a moving target: pin a version, such as python:3.12-slim"
    if problem := registry_problem(f"{folder}{slash}{last}"):
        return f"{value} is malformed: its name {problem}"
    return None


def host_problem(url: str) -> str | None:
    """Check a KFP endpoint: an http(s) URL without login, query or fragment."""
    from urllib.parse import urlsplit  # the slowest import: not every verb needs it

    example = "give a URL such as http://localhost:8080"
    if not url:
        return f"is empty: {example}"
    value = shown(url)
    if re.search(r"[^!-~]|[\"'<>\\^`{|}]", url):
        return f"{value} has a character that no URL has: {example}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"{value} is no URL ({error}): {example}"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return f"{value} is no http or https URL: {example}"
    if "@" in parts.netloc:
        return "has a login in it: leave it off and set KFP_TOKEN"
    if "?" in url or "#" in url:
        return f"{value} has a query or a fragment: {example}"
    if not re.fullmatch(
        r"\[[0-9a-fA-F:.]+\]|([\w-]{1,63}\.)*[\w-]{1,63}\.?", parts.netloc.removesuffix(f":{port}")
    ):
        return f"{value} has a malformed host: {example}"
    return None


def namespace_problem(namespace: str) -> str | None:
    """Check a Kubernetes namespace: a DNS label (RFC 1123)."""
    grammar = "a-z, 0-9 and dashes between them"
    return _kubernetes_problem(namespace, _DOMAIN_LABEL.fullmatch(namespace), MAX_NAME, grammar)


def service_account_problem(name: str) -> str | None:
    """Check a Kubernetes service account: a DNS subdomain (RFC 1123)."""
    labels = name.split(".")
    fits = all(_DOMAIN_LABEL.fullmatch(label) for label in labels)
    grammar = "a-z, 0-9, and dashes and dots between them"
    return _kubernetes_problem(name, fits, MAX_SUBDOMAIN, grammar)


def experiment_problem(name: str) -> str | None:
    """Check an experiment's name: one line of 1 to 128 characters."""
    return text_problem(name) or length_problem(name, MAX_EXPERIMENT)


def description_problem(text: str) -> str | None:
    """Check an experiment's description: one line of 1 to 255 characters."""
    return text_problem(text) or length_problem(text, MAX_DESCRIPTION)


def length_problem(text: str, limit: int) -> str | None:
    """Check that a text has 1 to ``limit`` characters."""
    if 0 < len(text) <= limit:
        return None
    return f"{shown(text)} has {len(text)} characters: use 1 to {limit}"


def platform_problem(platform: str) -> str | None:
    """Check an image's platform: ``os/architecture`` or ``os/architecture/variant``, one only."""
    if re.fullmatch(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?", platform):
        return None
    return f"{shown(platform)} is no platform: give one, such as linux/amd64"


def command_problem(command: str) -> str | None:
    """Check an engine's command line: words as a shell would take them."""
    import shlex  # not for a new project, which has no command to check

    try:
        words = shlex.split(command)
    except ValueError as error:
        return f"{shown(command)} is no command line ({error}): give one, such as podman"
    return None if words and words[0] else f"{shown(command)} is empty: give one, such as podman"


def text_problem(text: str) -> str | None:
    """Check free text: one line, no control characters, nothing YAML cannot hold."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or (
            character in "\ufffe\uffff"
        ):
            return (
                f"{shown(text)} has the control character U+{ord(character):04X}: "
                "write one line of plain text"
            )
    return None


def _name_problem(name: str, identifier: str, grammar: re.Pattern[str], words: str) -> str | None:
    if not name:
        return f"is empty: use {words}"
    if not grammar.fullmatch(name):
        return f"{shown(name)} is not a valid name: use {words}"
    if len(name) > MAX_NAME:
        return f"{shown(name)} has {len(name)} characters: use at most {MAX_NAME}"
    if keyword.iskeyword(identifier):
        return f"{shown(name)} is a Python keyword: choose another name"
    if identifier in RESERVED:
        return f"{shown(name)} would shadow a module or name the project uses: choose another"
    return None


def _kubernetes_problem(name: str, fits: object, limit: int, grammar: str) -> str | None:
    if fits and len(name) > limit:
        return f"{shown(name)} has {len(name)} characters: use at most {limit}"
    return None if fits else f"{shown(name)} is not a valid name: use {grammar}"


def _split_host(registry: str) -> tuple[str, str, str]:
    """Split off the host, as Docker does: a first part with a dot, a colon or localhost."""
    first, slash, path = registry.partition("/")
    if "." in first or ":" in first or first == "localhost":
        return first, slash, path
    return "", slash, registry


def _host_problem(host: str) -> str | None:
    name, colon, port = host, "", ""
    if not _IPV6.fullmatch(host):
        name, colon, port = host.rpartition(":") if ":" in host else (host, "", "")
    if colon and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
        return f"has the port {shown(port)}: give a number from 1 to 65535"
    if _IPV6.fullmatch(name):
        return None
    if not all(_DOMAIN_LABEL.fullmatch(label) for label in name.split(".")):
        return f"has a malformed host {shown(name)}: use letters, digits, dots and dashes"
    return None
