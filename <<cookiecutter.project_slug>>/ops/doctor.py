"""Says what is missing on this machine, and how to get it.

A check is a function that returns findings. All run side by side, each in a thread of
its own, because a server that stays silent must hold up neither the others nor the end.
"""

import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ops import runners
from ops.errors import OpsError
from ops.names import shown
from ops.registry import Registry
from ops.settings import ROOT, Settings

SECONDS = 8.0  # for all checks together
CALL_SECONDS = 5.0  # for one call of the engine, or of git
VERBS = ("local", "build", "push", "run")
# What cannot work when a check fails.
STOPS: Mapping[str, Sequence[str]] = {
    "python": ("local", "run"),
    "disk": VERBS,
    "engine": ("build", "push"),
    "platform": ("build", "push"),
    "images": ("build", "push"),
    "registry": ("push",),
    "KFP": ("run",),
    "sign-in": ("run",),
}
PYTHONS = ((3, 10), (3, 13))
MB = 1024**2
# The compiled pipeline and a run's logs fit into the first of each pair, and a base image
# with a few layers; steps that install numpy and the like need the second.
BUILD_DISK = (100 * MB, 1024 * MB)
ENGINE_DISK = (500 * MB, 5 * 1024 * MB)
BINFMT = Path("/proc/sys/fs/binfmt_misc")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i386": "386"}
EMULATORS = {"amd64": "x86_64", "arm64": "aarch64", "386": "i386"}  # as binfmt_misc has them
NATIVE = {("amd64", "386"), ("arm64", "arm")}  # what processors run besides their own
PODMAN = ("podman", "buildah")


class Finding(NamedTuple):
    """One line of the report: how it is with ``what``, and the cure."""

    level: str  # ok, warn or FAIL
    what: str
    text: str


class Engine(NamedTuple):
    """An engine that answered."""

    kind: str  # docker, podman, buildah or nerdctl, whatever its command is called
    client: str  # the version of its command line
    version: str
    os: str
    architecture: str  # in an image's words: amd64, arm64
    traits: Sequence[str]  # rootless, Docker Desktop
    host: str  # the name of the machine that it runs on
    folder: str  # where it keeps images, on that machine
    plugins: Sequence[str]  # of its command line

    @property
    def is_local(self) -> bool:
        """Tell whether it runs on this machine, not in a virtual one or elsewhere."""
        return self.host == platform.node()


def examine(settings: Settings, root: Path = ROOT) -> list[Finding]:
    """Return what was found out, after ``SECONDS`` at most."""
    checks: dict[str, Callable[[], list[Finding]]] = {
        "python": _python,
        "git": lambda: _git(root),
        "disk": lambda: _disk(root / "build" if (root / "build").is_dir() else root),
        "engine": lambda: _engine(settings),
        "local": lambda: _containers(settings.docker),
        "registry": lambda: _registry(settings),
        "KFP": lambda: _kfp(settings, root),
    }
    found: dict[str, list[Finding]] = {}
    threads = [
        threading.Thread(target=_note, args=(found, what, check), daemon=True)
        for what, check in checks.items()
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    finished = dict(found)
    findings = [f for what in checks for f in finished.get(what) or [_late(what, settings)]]
    broken = any(f.what == "engine" and f.level == "FAIL" for f in findings)
    return [f for f in findings if not (broken and f.what == "local")]


def _late(what: str, settings: Settings) -> Finding:
    cures = {
        "engine": f"restart it, or check DOCKER={settings.docker}",
        "local": "the engine's socket hangs, use RUNNER=process",
        "registry": f"check REGISTRY={settings.registry}, its login helper and this network",
        "KFP": f"check KFP_HOST={settings.kfp_host} and this network",
    }
    cure = cures.get(what, "is the disk in order?")
    level = "FAIL" if what in STOPS else "warn"
    return Finding(level, what, f"no answer within {SECONDS:.0f} s: {cure}")


def report(findings: Sequence[Finding]) -> None:
    """Print a line for each finding, and last what works now.

    Raises OpsError (1) when `make build`, `push` or `run` could not work.
    """
    for finding in findings:
        print(f"{finding.level:<4}  {finding.what:<8}  {_line(finding.text)}", file=sys.stderr)
    failed = [finding.what for finding in findings if finding.level == "FAIL"]
    stopped = {verb for what in failed for verb in STOPS.get(what, ())}
    works = [f"make {verb}" for verb in VERBS if verb not in stopped]
    # Without an engine, it runs the steps as processes.
    works = [f"{verb} RUNNER=process" if verb == "make local" else verb for verb in works]
    if stopped:
        broken = ", ".join(f"make {verb}" for verb in VERBS if verb in stopped)
        now = f"what works now: {', '.join(works)}" if works else "mend what is marked FAIL"
        raise OpsError(f"not working yet: {broken}; {now}")
    print(f"all of it works: {', '.join(works)}", file=sys.stderr)


def _line(text: str) -> str:
    """Return what may come from servers and engines as one printable line."""
    line = " ".join(text.split())
    return line if line.isprintable() else ascii(line)[1:-1]


def _note(found: dict[str, list[Finding]], what: str, check: Callable[[], list[Finding]]) -> None:
    try:
        found[what] = check()
    except OpsError as error:
        found[what] = [Finding("FAIL", what, str(error))]
    except Exception as error:  # what one check did not expect must not hide the others
        level = "FAIL" if what in STOPS else "warn"
        text = f"cannot be checked ({type(error).__name__}): report this"
        found[what] = [Finding(level, what, text)]


def _python() -> list[Finding]:
    version = platform.python_version()
    first, last = (".".join(map(str, pair)) for pair in PYTHONS)
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        text = (
            f"{version} is not {first} to {last}: rm -r .venv, then make setup PYTHON=python{last}"
        )
        return [Finding("FAIL", "python", text)]
    missing = [name for name in ("venv", "ensurepip") if not importlib.util.find_spec(name)]
    if missing:
        text = f"{version} has no {missing[0]}, so steps with requirements cannot run as processes"
        cure = f"apt-get install python{version.rpartition('.')[0]}-venv"
        return [Finding("warn", "python", f"{text}: {cure}, or what your system calls it")]
    return [Finding("ok", "python", f"{version}, with venv and pip")]


def _git(root: Path) -> list[Finding]:
    """Check what `ops.engine.labels` needs."""
    if not shutil.which("git"):
        return [
            Finding("warn", "git", "not found, so images do not say their revision: install it")
        ]
    head = _call(["git", "-C", str(root), "rev-parse", "--short", "HEAD"])
    if head.returncode:
        text = "no commit here, so images do not say their revision: git init, then git commit"
        return [Finding("warn", "git", text)]
    return [Finding("ok", "git", f"at {head.stdout.strip()}")]


def _disk(folder: Path) -> list[Finding]:
    if not os.access(folder, os.W_OK):
        return [
            Finding("FAIL", "disk", f"{folder} cannot be written: chown it, or remount its disk")
        ]
    return [_space("disk", folder, "build/", BUILD_DISK)]


def _space(what: str, folder: Path, label: str, limits: tuple[int, int]) -> Finding:
    """Check the disk that ``folder`` is on: below the limits it fails, or warns."""
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024 / MB:.1f} GB free for {label}"
    cure = "make clean" if what == "disk" else "remove old images, or move them to another disk"
    enough, ample = limits
    if free < enough:
        return Finding("FAIL", what, f"{text}, {enough // MB} MB is the least: {cure}")
    if free < ample:
        return Finding("warn", what, f"{text}, little for large libraries: {cure}")
    return Finding("ok", what, text)


def _engine(settings: Settings) -> list[Finding]:
    """Check the engine, and with it what only an engine that answers can tell."""
    engine = _ask(settings.docker)
    findings = [_builder(engine, settings.docker), _platform(engine, settings)]
    folder = Path(engine.folder)
    if engine.is_local and folder.is_absolute() and folder.is_dir():
        findings.append(_space("images", folder, f"images in {folder}", ENGINE_DISK))
    return findings


def _ask(command: str) -> Engine:
    """Return what an engine says of itself; raises OpsError (1) when it does not answer."""
    words = shlex.split(command)
    try:
        said = _call([*words, "--version"]).stdout
        kind, client = (*said.replace(" version", "").split(), "", "")[:2]
        kind = kind.lower()
        # buildah has no such format, and answers in JSON without it.
        options = [] if kind == "buildah" else ["--format", "{{json .}}"]
        answer = _call([*words, "info", *options])
    except FileNotFoundError:
        raise OpsError(f"{shown(words[0])} is not installed: {_install(words[0])}") from None
    except OSError as error:
        raise OpsError(
            f"cannot call {shown(words[0])} ({error.strerror}): correct DOCKER={command}"
        ) from None
    except subprocess.TimeoutExpired:
        raise OpsError(
            f"{shown(command)} does not answer within {CALL_SECONDS:.0f} s: restart the engine"
        ) from None
    try:
        info = json.loads(answer.stdout)
        read = _read_podman if "host" in info else _read_docker
        return read(info, kind, client.strip(","))
    except (ValueError, TypeError, KeyError, AttributeError):
        errors = _server_errors(answer.stdout)
        raise OpsError(_fault(f"{errors}\n{answer.stderr}".strip(), command)) from None


def _read_docker(info: Mapping[str, Any], kind: str, client: str) -> Engine:
    """Read what docker or nerdctl says; without an engine behind it raises ValueError."""
    if not info["ServerVersion"]:
        raise ValueError
    traits = ["Docker Desktop"] if "Docker Desktop" in info.get("OperatingSystem", "") else []
    if any("rootless" in option for option in info.get("SecurityOptions") or []):
        traits.append("rootless")
    plugins = (info.get("ClientInfo") or {}).get("Plugins") or []
    return Engine(
        kind=kind if kind == "nerdctl" else "docker",
        client=client,
        version=info["ServerVersion"],
        os=info["OSType"],
        architecture=ARCHITECTURES.get(info["Architecture"], info["Architecture"]),
        traits=traits,
        host=info.get("Name", ""),
        folder=info.get("DockerRootDir") or "",
        plugins=[plugin.get("Name") for plugin in plugins],
    )


def _read_podman(info: Mapping[str, Any], kind: str, client: str) -> Engine:
    """Read what podman or buildah says."""
    host = info["host"]
    version = (info.get("version") or {}).get("Version")
    rootless = host.get("rootless") or host.get("security", {}).get("rootless")
    return Engine(
        kind="podman" if version else "buildah",
        client=client,
        version=version or client,
        os=host["os"],
        architecture=ARCHITECTURES.get(host["arch"], host["arch"]),
        traits=["rootless"] if rootless else [],
        host=host.get("hostname", ""),
        folder=info.get("store", {}).get("graphRoot") or info.get("store", {}).get("GraphRoot", ""),
        plugins=[],
    )


def _server_errors(text: str) -> str:
    """Return the errors that docker's command line puts into its JSON."""
    try:
        return "\n".join(json.loads(text)["ServerErrors"])
    except (ValueError, KeyError, TypeError):
        return ""


def _fault(said: str, command: str) -> str:
    """Return what an engine's last words mean, with the cure."""
    name = "podman" if _is_called(command, PODMAN) else Path(shlex.split(command)[-1]).name
    variable = "CONTAINER_HOST" if name in PODMAN else "DOCKER_HOST"
    address = re.sub("//[^/@]*@", "//", os.environ.get(variable, ""))
    place = f"{variable}={address}"
    start = f"start it there, or unset {variable}" if address else _start(name)
    meanings = {
        "password is required|terminal is required|askpass": "sudo asks for a password: sudo -v, "
        "then try again",
        "command not found": f"{shown(name)} is not installed: {_install(name)}",
        "permission denied.*(socket|unix:)": "you may not use the engine's socket: sudo usermod -aG docker $USER, "
        "then log in anew",
        "context .*not (found|exist)": "docker's context is not there: docker context ls, then use "
        "one of them",
        "no such host|bind address|docker endpoint|parse docker host": f"{place} is no engine's "
        "address: correct or unset it",
        "connect|cannot access": f"no engine answers{f' at {place}' if address else ''}: {start}",
    }
    for pattern, meaning in meanings.items():
        if re.search(pattern, said, re.I):
            return meaning
    last = (said.splitlines() or ["nothing"])[-1][:300]
    return f"`{command} info` is not answered as an engine does ({last}): correct DOCKER"


def _start(name: str) -> str:
    """Return how to start an engine."""
    if sys.platform == "darwin":
        return "podman machine start" if name == "podman" else "start Docker Desktop, or colima"
    if name in PODMAN:
        return "systemctl --user start podman.socket"
    return "sudo systemctl start docker (in WSL: start Docker Desktop)"


def _install(name: str) -> str:
    """Return how to get an engine: another one may be here."""
    others = [other for other in ("docker", "podman") if other != name and shutil.which(other)]
    if others:
        return f"DOCKER={others[0]} is here, set that"
    return "get docker (https://docs.docker.com/engine/install) or podman, then set DOCKER="


def _builder(engine: Engine, command: str) -> Finding:
    """Check what `build` goes through."""
    name = engine.kind
    traits = "".join(f", {trait}" for trait in engine.traits)
    text = f"{name} {engine.version} ({engine.os}/{engine.architecture}){traits}"
    if name == "podman" and not _is_called(command, PODMAN):
        # Its logins are elsewhere, and its socket too.
        return Finding("warn", "engine", f"{text}, called {shown(command)}: set DOCKER=podman")
    if name in PODMAN:
        return Finding("ok", "engine", f"{text}, builds with buildah")
    if name == "nerdctl":
        return Finding("ok", "engine", f"{text}, builds with BuildKit")
    wanted = os.environ.get("DOCKER_BUILDKIT", "").lower()
    is_default = int((re.match(r"\d+", engine.client) or ["0"])[0]) >= 23  # and needs a plugin
    is_there = "buildx" in engine.plugins or not is_default
    if wanted in ("1", "true", "t") and not is_there:
        cure = "install docker-buildx-plugin, or unset DOCKER_BUILDKIT"
        return Finding(
            "FAIL", "engine", f"{text}: DOCKER_BUILDKIT is set, buildx is not there: {cure}"
        )
    uses = wanted in ("1", "true", "t") if wanted else is_default and is_there
    return Finding("ok", "engine", f"{text}, {'BuildKit' if uses else 'classic builder'}")


def _platform(engine: Engine, settings: Settings) -> Finding:
    """Check that the engine can build for the images' platform: itself, or by emulation."""
    wanted = settings.platform
    system, architecture, *_ = wanted.split("/")
    own = f"{engine.os}/{engine.architecture}"
    if system != engine.os:
        return Finding("FAIL", "platform", f"{wanted} on a {own} engine: set PLATFORM={own}")
    if architecture == engine.architecture or (engine.architecture, architecture) in NATIVE:
        return Finding("ok", "platform", f"{wanted}, the engine's own")
    native = f"set PLATFORM={own} if your cluster has it"
    if not engine.is_local:
        text = f"{wanted} on a {own} engine is emulated, if it can: builds are slow; {native}"
        return Finding("warn", "platform", text)
    if _is_emulated(architecture):
        text = f"{wanted} is emulated on a {own} engine: builds are slow; {native}"
        return Finding("warn", "platform", text)
    run = f"{settings.docker} run --privileged --rm tonistiigi/binfmt"
    if engine.kind in PODMAN:  # no short names, and root for what changes the kernel
        run = "sudo podman run --privileged --rm docker.io/tonistiigi/binfmt"
    binfmt = f"{run} --install {architecture}"
    return Finding(
        "FAIL", "platform", f"{wanted} cannot be built on a {own} engine: {binfmt}, or {native}"
    )


def _is_emulated(architecture: str) -> bool:
    """Tell whether this machine's kernel runs an architecture's programs, in containers too."""
    entry = BINFMT / f"qemu-{EMULATORS.get(architecture, architecture)}"
    try:
        text = entry.read_text(encoding="utf-8")
    except OSError:
        return False
    # F: the emulator is opened once, so that containers need not hold it.
    return text.startswith("enabled") and bool(re.search(r"^flags: \w*F", text, re.M))


def _containers(command: str) -> list[Finding]:
    """Check that `make local RUNNER=docker` reaches the engine, without its command line."""
    try:
        runners.connect(command)
    except OpsError as error:
        reason = str(error).partition(" (")[2].rpartition("):")[0] or str(error)
        podman = _is_called(command, PODMAN)
        cure = "systemctl --user start podman.socket" if podman else "set DOCKER_HOST"
        text = f"make local RUNNER=docker finds no engine's socket ({reason}): {cure}"
        return [Finding("warn", "local", f"{text}, or use RUNNER=process")]
    return [Finding("ok", "local", "make local RUNNER=docker reaches the engine")]


def _is_called(command: str, names: Sequence[str]) -> bool:
    return any(Path(word).name.startswith(tuple(names)) for word in shlex.split(command))


def _registry(settings: Settings) -> list[Finding]:
    registry = Registry(f"{settings.registry}/step", settings.docker)
    registry.ping()
    if registry.wants_login and not registry.has_login:
        # It gave a token to nobody, as Docker Hub does: good for pulling only.
        text = f"{registry.name} has no login from here, and pushing needs one: {registry.login}"
        return [Finding("FAIL", "registry", text)]
    text = f"{registry.name} answers, " + (
        "the login is good" if registry.wants_login else "without a login"
    )
    if registry.is_loopback:
        text += "; a cluster elsewhere cannot pull from it, set REGISTRY then"
    return [Finding("ok", "registry", text)]


def _kfp(settings: Settings, root: Path) -> list[Finding]:
    from ops.cluster import diagnosis

    return diagnosis.examine(settings, os.environ, root)


def _call(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command for ``CALL_SECONDS`` at most."""
    return subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=CALL_SECONDS,
    )
