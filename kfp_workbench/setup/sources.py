"""Where packages come from: pip's settings, as its configuration files and the environment give them.

Of these only what names a source, or says how it is reached, is handed on, to pip and to uv alike.
Everything else (a target, a prefix, a dry run) could let an installation succeed that installs nothing.
The files and their order are https://pip.pypa.io/en/stable/topics/configuration/
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.files import expanded

WHEELS = "WHEELS"  # the variable that names a folder to install from, and from nowhere else

_LISTS = {"extra-index-url", "find-links", "trusted-host", "constraint", "no-binary", "only-binary"}
_SINGLE = {
    *("index-url", "no-index", "cert", "client-cert", "proxy", "timeout", "default-timeout"),
    *("retries", "cache-dir", "no-cache-dir", "keyring-provider", "prefer-binary", "use-feature"),
    *("pypi-url",),  # index-url's other name
}
# What uv calls the same; a variable of its own that is set wins.
_OF_UV = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "constraint": ("UV_CONSTRAINT",),
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("ALL_PROXY", "HTTPS_PROXY", "https_proxy", "all_proxy"),
    "timeout": ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT"),
    "keyring-provider": ("UV_KEYRING_PROVIDER",),
}
_KEPT_OF_UV = (
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INSECURE_HOST"),
    *("UV_KEYRING_PROVIDER", "UV_CREDENTIALS_DIR", "UV_CACHE_DIR", "UV_NO_CACHE", "UV_HTTP_"),
    *("UV_REQUEST_TIMEOUT", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_OFFLINE", "UV_LINK_MODE"),
    *("UV_CONCURRENT_", "UV_PYTHON_INSTALL_", "UV_PYTHON_DOWNLOADS", "UV_PYTHON_PREFERENCE"),
    *("UV_CONFIG_FILE", "UV_NO_CONFIG", "UV_GITHUB_TOKEN"),
)
# What packages' builds, which may run anything, have no business with.
_WITHHELD = ("PIP_", "UV_", "PYTHON", "__PYVENV", "VIRTUAL_ENV", "KFP_", "KF_", "MAKE", "MFLAGS")


def pip_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return pip's settings that name a source, by their long names.

    Raises WorkbenchError (2) for a configuration file that cannot be read.
    """
    found: dict[str, str] = {}
    for path in _files(environ):
        found |= _read(path)
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            found[_normal(name.removeprefix("PIP_"))] = value
    if "pypi-url" in found:
        found.setdefault("index-url", found["pypi-url"])
    return {name: value for name, value in found.items() if name in _LISTS | _SINGLE}


def for_pip(environ: Mapping[str, str] = os.environ, *, locked: bool = False) -> dict[str, str]:
    """Return the environment in which pip installs from where it was told to, and nothing else.

    ``locked``, there are no constraints: the lock file has said all.
    """
    settings = _offline(environ) or pip_settings(environ)
    if locked:
        settings.pop("constraint", None)
    ours = {f"PIP_{name.upper().replace('-', '_')}": text for name, text in settings.items()}
    return {**_cleared(environ), **ours, "PIP_CONFIG_FILE": os.devnull}


def for_uv(
    environ: Mapping[str, str] = os.environ, *, locked: bool = False, has_index: bool = False
) -> dict[str, str]:
    """Return the environment in which uv installs from where pip was told to.

    ``has_index`` says that the requirements name an index in place of the default one.
    """
    kept = {name: text for name, text in environ.items() if name.startswith(_KEPT_OF_UV)}
    if offline := _offline(environ):
        kept = {name: text for name, text in kept.items() if "INDEX" not in name}
        kept["UV_FIND_LINKS"] = offline["find-links"]
        return {**_cleared(environ), **kept}
    settings = pip_settings(environ)
    settings.setdefault("timeout", settings.get("default-timeout", ""))
    if locked:
        settings.pop("constraint", None)
    if has_index:
        settings.pop("index-url", None)
    ours: dict[str, str] = {}
    for name, (variable, *others) in _OF_UV.items():
        value = settings.get(name)
        if value and not any(environ.get(each) for each in (variable, *others)):
            ours[variable] = _as_uv(name, value)
    ours |= _builds(settings)
    return {**_cleared(environ), **kept, **ours}


def is_offline(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a folder is all that there is to install from."""
    return bool(_offline(environ))


def no_index(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether no index may be asked."""
    return is_offline(environ) or _is_true(pip_settings(environ).get("no-index", ""))


def _offline(environ: Mapping[str, str]) -> dict[str, str]:
    if not (given := environ.get(WHEELS)):
        return {}
    folder = expanded(given).resolve()
    if not folder.is_dir():
        raise WorkbenchError(f"{WHEELS}={given!r} is no folder: make wheels fills one", 2)
    return {"no-index": "1", "find-links": str(folder)}


def _cleared(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environ.items() if not name.startswith(_WITHHELD)}


def _builds(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what uv calls pip's rules on archives of sources."""
    result = {}
    for name, variable in (("only-binary", "UV_NO_BUILD"), ("no-binary", "UV_NO_BINARY")):
        words = settings.get(name, "").replace(",", " ").split()
        if ":all:" in words:
            result[variable] = "1"
        elif packages := [word for word in words if word != ":none:"]:
            result[f"{variable}_PACKAGE"] = " ".join(packages)
    return result


def _as_uv(name: str, value: str) -> str:
    words = value.split()
    if name == "find-links":
        # A folder that is not there is nothing to pip, and an error to uv.
        there = [word for word in words if "://" in word or expanded(word).exists()]
        return ",".join(str(expanded(word)) if "://" not in word else word for word in there)
    if name in ("cert", "client-cert", "constraint"):
        return " ".join(str(expanded(word)) for word in words)
    if name == "keyring-provider":
        return "subprocess" if value in ("subprocess", "auto") else "disabled"
    return " ".join(words)


def _files(environ: Mapping[str, str]) -> list[Path]:
    """Return the files that pip reads, the one that wins last."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return []
    home = expanded(environ.get("HOME") or "~")
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip"
    shared = [Path(each, "pip") for each in _shared(environ)]
    if sys.platform == "darwin":
        shared = [Path("/Library/Application Support/pip")]
        mine = home / "Library" / "Application Support" / "pip"
        user = mine if mine.is_dir() else user
    files = [folder / "pip.conf" for folder in shared] + [Path("/etc/pip.conf")]
    if not (chosen and Path(chosen).exists()):
        files += [home / ".pip" / "pip.conf", user / "pip.conf"]
    files.append(Path(sys.prefix, "pip.conf"))
    files += [Path(chosen)] if chosen else []
    return [path for path in files if path.is_file()]


def _shared(environ: Mapping[str, str]) -> list[str]:
    # The first wins, and so comes last.
    return [*reversed((environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep))]


def _read(path: Path) -> dict[str, str]:
    from configparser import Error, RawConfigParser  # where nothing is installed, it is not needed

    parser = RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, Error) as error:
        reason = " ".join(str(error).split())
        raise WorkbenchError(
            f"{path}: pip cannot read it, and so nor can this: {reason}", 2
        ) from None
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            found |= {_normal(name): text for name, text in parser.items(section) if text}
    return found


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _is_true(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on", "y", "t")
