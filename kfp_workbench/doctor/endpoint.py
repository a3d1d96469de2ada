"""Looks at a KFP endpoint for `make doctor`: there, signed in, of a fitting version.

And at what people may have set for it in vain: kfp.Client and browsers use that, this
project does not.
"""

import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from kfp_workbench import files
from kfp_workbench.cluster import server, signin
from kfp_workbench.cluster.credentials import Credentials, SignInError
from kfp_workbench.doctor.condition import Condition
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.pipeline.features import OLDEST
from kfp_workbench.pipeline.needs import project_needs
from kfp_workbench.project import versions
from kfp_workbench.project.hosts import is_loopback
from kfp_workbench.project.names import shown
from kfp_workbench.project.settings import ROOT, Settings
from kfp_workbench.project.versions import Version

CONTEXT = Path(".config", "kfp", "context.json")  # in the home folder; kfp.Client's memory
MAX_CONTEXT = 64 * 1024  # bytes
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def examine(settings: Settings, environ: Mapping[str, str], root: Path = ROOT) -> list[Condition]:
    """Return what was found out about the endpoint that the settings name.

    ``root`` is the project's, whose pipeline is held against the server's version.
    """
    host = settings.kfp_host
    try:
        signed = signin.credentials(host, environ, settings.kfp_ca)
    except WorkbenchError as error:
        return [Condition("FAIL", "sign-in", str(error))]
    is_there = False
    try:
        health = server.look(host, settings.kfp_namespace, signed, settings.kfp_ca)
        server.check_access(host, health.namespace, signed, settings.kfp_ca)
    except SignInError as error:
        found = [Condition("FAIL", "sign-in", str(error))]
    except WorkbenchError as error:
        untried = f"{signed.describe()} is set; whether it is good, only KFP can tell"
        found = [Condition("FAIL", "KFP", str(error))]
        found += [Condition("ok", "sign-in", untried)] if signed else []
    else:
        is_there = True
        found = [_version(settings, health, root), _signed(host, signed)]
    return [*found, *_context(settings), *_unused(settings, environ, is_there)]


def _version(settings: Settings, health: server.Health, root: Path) -> Condition:
    """Compare the versions of the server, of the SDK, and the one that pipelines are for."""
    host, setting = settings.kfp_host, settings.server
    theirs, target = versions.parse(health.version), versions.target(setting)
    sdk = f"the SDK is {importlib.metadata.version('kfp')}"
    if setting:
        sdk += f', pyproject.toml has server = "{setting}"'
    if not theirs:
        return Condition("ok", "KFP", f"{host} answers, but not its version; {sdk}")
    text = f"{host} has KFP {shown(health.version)}, {sdk}"
    if settings.kfp_namespace and not health.namespace:
        unused = f"the namespace {shown(settings.kfp_namespace)} is not used"
        text += f"; it has no namespaces, {unused}"
    if theirs >= target and (setting or theirs == target):
        return Condition("ok", "KFP", text)
    if theirs > target or theirs < OLDEST:
        cure = f"should it refuse a run, set kfp=={theirs}.* in requirements-dev.in"
        return Condition("warn", "KFP", f"{text}: {cure}")
    return _older(text, theirs, root)


def _older(text: str, theirs: Version, root: Path) -> Condition:
    """Say what becomes of pipelines on a server that is older than they are for."""
    needs = [need for need in project_needs(root) if theirs < need.feature.since]
    if needs:
        first, *more = sorted({need.finding("which it is not").text for need in needs})
        rest = f", and {len(more)} more" if more else ""
        return Condition("FAIL", "KFP", f"{text}: {first}{rest}")
    cure = f'write server = "{theirs}" into pyproject.toml, for make compile and make check'
    return Condition("warn", "KFP", f"{text}, and what goes there is fitted to it: {cure}")


def _signed(host: str, signed: Credentials) -> Condition:
    if not signed:
        return Condition("ok", "sign-in", "none is set, and none is asked for")
    text = f"{signed.describe()} is accepted"
    if urlsplit(host).scheme == "http" and not _is_near(host):
        return Condition("warn", "sign-in", f"{text}, but goes to {host} unencrypted: use https")
    return Condition("ok", "sign-in", text)


def _is_near(host: str) -> bool:
    """Tell whether an address is of this machine, or of the cluster that this runs in."""
    name = urlsplit(host).hostname or ""
    if is_loopback(name) or ("." not in name.strip("[]") and ":" not in name):
        return True
    return name.endswith((".svc", ".svc.cluster.local"))


def _context(settings: Settings) -> Iterator[Condition]:
    """Find kfp.Client's memory of a namespace, which it takes to every server."""
    if settings.kfp_namespace:
        return
    try:
        with (files.expanded("~") / CONTEXT).open("rb") as file:
            context = json.loads(file.read(MAX_CONTEXT))
        name = context.get("namespace")
    except (ValueError, AttributeError, RecursionError):
        yield Condition("ok", "context", f"~/{CONTEXT} is broken; it is not read here")
    except OSError:
        return  # there is none
    else:
        if name:
            text = f"~/{CONTEXT} is not read here, its namespace is {shown(name)}"
            yield Condition("warn", "context", f"{text}: set KFP_NAMESPACE if that is meant")


def _unused(settings: Settings, environ: Mapping[str, str], is_there: bool) -> Iterator[Condition]:
    """Find variables for other programs; kfp.Client does not use them, and so nothing here."""
    parts = urlsplit(settings.kfp_host)
    texts = []
    names = [f"{parts.scheme}_proxy", "all_proxy"]
    names = [name for low in names for name in (low, low.upper()) if environ.get(name)]
    if names and not is_loopback(parts.hostname or "") and not proxy_bypass(parts.netloc):
        cure = "" if is_there else ": let this machine reach it, or forward a port"
        texts.append(f"{' and '.join(names)} set, but KFP is asked directly{cure}")
    names = [name for name in CERTIFICATES if environ.get(name)]
    if names and parts.scheme == "https" and not settings.kfp_ca:
        cure = "" if is_there else ": set KFP_CA"
        texts.append(f"{' and '.join(names)} set, but not used for KFP's certificate{cure}")
    if texts:
        yield Condition("ok" if is_there else "warn", "unused", "; ".join(texts))
