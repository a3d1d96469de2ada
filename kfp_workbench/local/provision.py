"""Provides what a local run needs before it begins: an engine with the images, or environments."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import building
from kfp_workbench.local import runners, venvs
from kfp_workbench.project.settings import Settings
from kfp_workbench.project.steps import Step

Say = Callable[[str], None]


class Provided(NamedTuple):
    """How the steps of a run are executed."""

    kind: str  # process or docker
    run: runners.Runner
    held: frozenset[
        str
    ]  # the parts of an allowance that are kept to: see `kfp_workbench.local.allowances`


def provide(
    runner: str,
    used: Sequence[str],
    ours: Mapping[str, Step],
    settings: Settings,
    root: Path,
    *,
    run_id: str,
    say: Say,
) -> Provided:
    """Return what executes the steps whose images are ``used``; ``ours`` are the project's own.

    ``runner`` is ``process``, ``docker`` or ``auto``. Images are built or pulled and
    environments made, where they are missing. Raises WorkbenchError (1) when that cannot be done.
    """
    client = _client(runner, settings)
    if client is None:
        say(f"running {settings.name} as processes (RUNNER=process)")
        # Of all steps, before the first runs: they may run at once.
        needed = {image: step for image, step in ours.items() if image in used}
        found = {step.name: venvs.provide(step, root) for step in needed.values()}
        if note := venvs.other_pythons(found):
            say(note)
        places = {image: (step.folder, found[step.name].bin) for image, step in needed.items()}
        return Provided("process", runners.process_runner(places, root), frozenset())
    say(f"running {settings.name} in containers (RUNNER=docker)")
    for image in used:
        if not runners.has_image(client, image):
            _get(client, image, ours.get(image), settings, root, say)
    run = runners.container_runner(client, runners.is_rootless(client), run_id)
    return Provided("docker", run, runners.held_by(client))


def _get(
    client: Any, image: str, step: Step | None, settings: Settings, root: Path, say: Say
) -> None:
    """Build an image of this project; pull one of another, or one that was pushed."""
    if step and "@" not in image:
        building.build([step], settings, root, again=True)
    else:
        say(f"pulling {image}")
        runners.pull(client, image)


def _client(runner: str, settings: Settings) -> Any:
    """Return the engine's client, or None where steps run as processes."""
    if runner == "process":
        return None
    try:
        return runners.connect(settings.docker)
    except WorkbenchError:
        if runner == "auto":
            return None
        raise
