"""Looks at the container engine: what it builds with, for which platforms, and its socket."""

import os
import re
from pathlib import Path

from kfp_workbench.doctor.condition import Condition
from kfp_workbench.doctor.engine_info import PODMAN, Engine, ask, is_called
from kfp_workbench.doctor.machine import MB, space
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import engines
from kfp_workbench.project.names import shown
from kfp_workbench.project.settings import Settings

# A base image with a few layers; steps that install numpy and the like need the second.
ENGINE_DISK = (500 * MB, 5 * 1024 * MB)
BINFMT = Path("/proc/sys/fs/binfmt_misc")
EMULATORS = {"amd64": "x86_64", "arm64": "aarch64", "386": "i386"}  # as binfmt_misc has them
NATIVE = {("amd64", "386"), ("arm64", "arm")}  # what processors run besides their own


def check_engine(settings: Settings) -> list[Condition]:
    """Check the engine, and with it what only an engine that answers can tell."""
    engine = ask(settings.docker)
    conditions = [_builder(engine, settings.docker), _platform(engine, settings)]
    folder = Path(engine.folder)
    if engine.is_local and folder.is_absolute() and folder.is_dir():
        conditions.append(space("images", folder, f"images in {folder}", ENGINE_DISK))
    return conditions


def _builder(engine: Engine, command: str) -> Condition:
    """Check what `build` goes through."""
    name = engine.kind
    traits = "".join(f", {trait}" for trait in engine.traits)
    text = f"{name} {engine.version} ({engine.os}/{engine.architecture}){traits}"
    if name == "podman" and not is_called(command, PODMAN):
        # Its logins are elsewhere, and its socket too.
        return Condition("warn", "engine", f"{text}, called {shown(command)}: set DOCKER=podman")
    if name in PODMAN:
        return Condition("ok", "engine", f"{text}, builds with buildah")
    if name == "nerdctl":
        return Condition("ok", "engine", f"{text}, builds with BuildKit")
    wanted = os.environ.get("DOCKER_BUILDKIT", "").lower()
    is_default = int((re.match(r"\d+", engine.client) or ["0"])[0]) >= 23  # and needs a plugin
    is_there = "buildx" in engine.plugins or not is_default
    if wanted in ("1", "true", "t") and not is_there:
        cure = "install docker-buildx-plugin, or unset DOCKER_BUILDKIT"
        return Condition(
            "FAIL", "engine", f"{text}: DOCKER_BUILDKIT is set, buildx is not there: {cure}"
        )
    uses = wanted in ("1", "true", "t") if wanted else is_default and is_there
    return Condition("ok", "engine", f"{text}, {'BuildKit' if uses else 'classic builder'}")


def _platform(engine: Engine, settings: Settings) -> Condition:
    """Check that the engine can build for the images' platform: itself, or by emulation."""
    wanted = settings.platform
    system, architecture, *_ = wanted.split("/")
    own = f"{engine.os}/{engine.architecture}"
    if system != engine.os:
        return Condition("FAIL", "platform", f"{wanted} on a {own} engine: set PLATFORM={own}")
    if architecture == engine.architecture or (engine.architecture, architecture) in NATIVE:
        return Condition("ok", "platform", f"{wanted}, the engine's own")
    native = f"set PLATFORM={own} if your cluster has it"
    if not engine.is_local:
        text = f"{wanted} on a {own} engine is emulated, if it can: builds are slow; {native}"
        return Condition("warn", "platform", text)
    if _is_emulated(architecture):
        text = f"{wanted} is emulated on a {own} engine: builds are slow; {native}"
        return Condition("warn", "platform", text)
    run = f"{settings.docker} run --privileged --rm tonistiigi/binfmt"
    if engine.kind in PODMAN:  # no short names, and root for what changes the kernel
        run = "sudo podman run --privileged --rm docker.io/tonistiigi/binfmt"
    binfmt = f"{run} --install {architecture}"
    return Condition(
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


def check_socket(command: str) -> list[Condition]:
    """Check that `make local RUNNER=docker` reaches the engine, without its command line."""
    try:
        engines.connect(command)
    except WorkbenchError as error:
        reason = str(error).partition(" (")[2].rpartition("):")[0] or str(error)
        podman = is_called(command, PODMAN)
        cure = "systemctl --user start podman.socket" if podman else "set DOCKER_HOST"
        text = f"make local RUNNER=docker finds no engine's socket ({reason}): {cure}"
        return [Condition("warn", "local", f"{text}, or use RUNNER=process")]
    return [Condition("ok", "local", "make local RUNNER=docker reaches the engine")]
