"""Provides what a local run needs before it begins: an engine with the images, or environments.

What only one of these needs is imported there: a run as processes takes little more than its steps.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.errors import WorkbenchError, refuse
from kfp_workbench.images import layout
from kfp_workbench.images.layout import Layout
from kfp_workbench.local import lightweight, venvs
from kfp_workbench.local.admission import STUBS
from kfp_workbench.local.ahead import Ahead
from kfp_workbench.local.image import EMPTY, Image
from kfp_workbench.local.processes import Home, ProcessRunner
from kfp_workbench.local.runners import Talker
from kfp_workbench.project.settings import Settings
from kfp_workbench.project.steps import Step

Say = Callable[[str], None]


class Wanted(NamedTuple):
    """What a pipeline's containers are."""

    containers: Mapping[str, Mapping[str, Any]]  # by the labels of their executors
    ours: Mapping[str, Step]  # the project's own steps, by image
    settings: Settings
    root: Path
    models: Sequence[tuple[str, str]] = ()  # images whose content tasks take, with their importers
    title: str = ""  # of what is run, where that is not all of the pipeline


def provide(
    runner: str, wanted: Wanted, *, run_id: str, say: Say, ahead: Ahead | None = None
) -> Talker:
    """Return what runs a pipeline's containers; ``ahead`` has interpreters for processes.

    ``runner`` is ``process``, ``docker`` or ``auto``. Images are built or pulled and environments
    made, where they are missing. Raises WorkbenchError (1) when that cannot be done, and (2) for a
    container that cannot be a process.
    """
    client = _client(runner, wanted.settings)
    name = wanted.title or wanted.settings.name
    if client is None:
        refuse(list(dict.fromkeys(_problems(wanted))))
        say(f"running {name} as processes (RUNNER=process)")
        return ProcessRunner(_homes(wanted, say), _lightweight_homes(wanted, say), ahead)
    if ahead:
        ahead.forget()
    from kfp_workbench.local import engines
    from kfp_workbench.local.containers import ContainerRunner

    say(f"running {name} in containers (RUNNER=docker)")
    for image in sorted({str(container["image"]) for container in wanted.containers.values()}):
        if "{{" not in image and image not in STUBS and not engines.has_image(client, image):
            _get(client, image, wanted, say)
    return ContainerRunner(client, run_id, wanted.settings.docker)


def _problems(wanted: Wanted) -> Iterator[str]:
    """Yield which tasks cannot be processes, and what to do."""
    for label, container in wanted.containers.items():
        image = str(container["image"])
        if image in wanted.ours or image in STUBS or "{{" in image or lightweight.of(container):
            continue
        yield (
            f"{label.removeprefix('exec-')}: {image} is no image of this project, and cannot run as a "
            "process: use RUNNER=docker"
        )
    for label, uri in wanted.models:
        yield f"{label}: {uri} is an image, which only an engine can open: use RUNNER=docker"


def _homes(wanted: Wanted, say: Say) -> dict[str, Home]:
    """Make the environments of all steps that are used, before the first runs: they may run at once."""
    used = {str(container["image"]) for container in wanted.containers.values()}
    dynamic = any("{{" in image for image in used)
    needed = {image: step for image, step in wanted.ours.items() if image in used or dynamic}
    layouts = {image: _layout(step, wanted) for image, step in needed.items()}
    refuse(list(_lacking(wanted, layouts)))
    found = {step.name: venvs.provide(step, wanted.root) for step in needed.values()}
    if note := venvs.other_pythons(found):
        say(note)
    return {
        image: Home(found[step.name].bin, Image.of(layouts[image]))
        for image, step in needed.items()
    }


def _lacking(wanted: Wanted, layouts: Mapping[str, Layout]) -> Iterator[str]:
    """Yield which steps run a script of theirs that their Dockerfile does not copy."""
    for container in wanted.containers.values():
        image, words = str(container["image"]), [*container.get("command", []), "", ""]
        if image not in layouts or not (name := str(words[1])).endswith(".py"):
            continue
        step = wanted.ours[image]
        if (step.folder / name).is_file() and layouts[image].lacks(step.folder / name):
            folder = f"steps/{step.name}"
            what = f"{folder}/Dockerfile does not copy {name}, which the step runs"
            yield f"{what}: write COPY {folder}/*.py ./"


def _layout(step: Step, wanted: Wanted) -> Layout:
    return layout.read(step, wanted.root, wanted.settings.build_args)


def _lightweight_homes(wanted: Wanted, say: Say) -> dict[tuple[str, ...], Home]:
    homes = {}
    for label, container in wanted.containers.items():
        found = lightweight.of(container)
        if found is None:
            continue
        from kfp_workbench.local import lightweight_venvs

        step = wanted.ours.get(str(container["image"]))
        name = label.removeprefix("exec-")
        binaries = lightweight_venvs.provide(found, step, name, wanted.root, say)
        home = Home(binaries, Image.of(_layout(step, wanted)) if step else EMPTY)
        homes[(str(container["image"]), *found.installed)] = home
    return homes


def _get(client: Any, image: str, wanted: Wanted, say: Say) -> None:
    """Build an image of this project; pull one of another, or one that was pushed."""
    from kfp_workbench.images import building
    from kfp_workbench.local import engines

    step = wanted.ours.get(image)
    if step and "@" not in image:
        building.build([step], wanted.settings, wanted.root, again=True)
    else:
        say(f"pulling {image}")
        engines.pull(client, image)


def _client(runner: str, settings: Settings) -> Any:
    """Return the engine's client, or None where steps run as processes."""
    if runner == "process":
        return None
    from kfp_workbench.local import engines

    try:
        return engines.connect(settings.docker)
    except WorkbenchError:
        if runner == "auto":
            return None
        raise
