"""Builds and pushes the steps' images; nothing is done twice.

An image's tag stands for its content (`kfp_workbench.project.steps.content_tag`). What was built is noted
per step below ``build/built/``, so that an unchanged step needs no engine; what a
registry already holds is neither built nor uploaded. The engine is called by its own
command line, so that docker, BuildKit, podman and buildah all work.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import engine, pushed
from kfp_workbench.images.pushed import Pushed
from kfp_workbench.project import steps
from kfp_workbench.project.settings import ROOT, Settings
from kfp_workbench.project.steps import Step

BUILT = Path("build") / "built"


def build(
    selected: Sequence[Step],
    settings: Settings,
    root: Path = ROOT,
    *,
    jobs: int = 1,
    again: bool = False,
) -> None:
    """Build the images of the steps that changed since they were built, ``jobs`` at a time.

    ``again`` builds the others too. Raises WorkbenchError (1) when one failed, after the
    others are done.
    """
    stale = [step for step in selected if again or not _is_built(step, settings, root)]
    if not stale:
        engine.say(f"nothing to build: {len(selected)} up to date")
        return
    labels = engine.labels(root)
    _each(
        stale,
        lambda step: _build(step, steps.reference(step, settings, root), settings, root, labels),
        jobs,
        "could not be built",
    )


def push(
    selected: Sequence[Step], settings: Settings, root: Path = ROOT, *, jobs: int = 1
) -> list[Pushed]:
    """Bring the registry up to date, ``jobs`` images at a time; note the digests.

    Writes ``build/images.json`` and ``build/components/*.yaml``, also for the steps that
    worked when others failed; raises WorkbenchError (1) then.
    """
    labels = engine.labels(root)
    record = pushed.read_record(root)
    try:
        _each(
            selected,
            lambda step: _push(step, settings, root, labels, record),
            jobs,
            "could not be pushed",
        )
    finally:
        pushed.write_record(record, selected, settings, root)
    return [record[step.name] for step in selected]


def _is_built(step: Step, settings: Settings, root: Path) -> bool:
    try:
        note = (root / BUILT / step.name).read_text(encoding="utf-8")
    except OSError:
        return False
    return note == _note(steps.reference(step, settings, root), settings)


def _note(image: str, settings: Settings) -> str:
    """Return what is noted of a built image: which one, and in which engine."""
    places = ("DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST", "CONTAINERS_STORAGE_CONF")
    engine = [settings.docker, *(os.environ.get(name, "") for name in places)]
    return "\n".join([image, *engine])


def _build(
    step: Step, image: str, settings: Settings, root: Path, labels: Mapping[str, str]
) -> None:
    import tempfile

    from kfp_workbench.images import staging

    dockerfile = step.folder.relative_to(root) / "Dockerfile"
    if not (root / dockerfile).is_file():
        raise WorkbenchError(
            f"building {step.name}: {dockerfile} is missing: templates/step/ has one", 2
        )
    engine.say(f"{step.name}: building {image} (V=1 shows how)")
    words = ["build", "--platform", settings.platform, "--file", str(dockerfile)]
    for option, pairs in (("--build-arg", settings.build_args), ("--label", labels)):
        words += [word for key, value in pairs.items() for word in (option, f"{key}={value}")]
    (root / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root / "build", prefix=".context-") as folder:
        staging.stage(step, Path(folder), root)
        if steps.reference(step, settings, root) != image:
            # Its tag would stand for a content that it does not have, for ever.
            raise WorkbenchError(f"steps/{step.name} changed while it was being built: try again")
        engine.call(step, settings, [*words, "--tag", image, "."], Path(folder), "building")
    files.write(root / BUILT / step.name, _note(image, settings))
    engine.say(f"{step.name}: built {image}")


def _push(
    step: Step,
    settings: Settings,
    root: Path,
    labels: Mapping[str, str],
    record: dict[str, Pushed],
) -> None:
    from kfp_workbench.images.registry import RefusedError, Registry

    image = steps.reference(step, settings, root)
    tag = image.rpartition(":")[2]
    registry = Registry(steps.image_name(step, settings), settings.docker)
    try:
        digest = registry.digest(tag)
    except RefusedError:
        if not registry.has_login:
            raise
        digest = None  # some registries say so of a repository that is not there yet
    if digest:
        engine.say(f"{step.name}: the registry has {image}")
    else:
        _upload(step, image, settings, root, labels, registry.login)
        digest = registry.digest(tag)
        if not digest:
            raise WorkbenchError(
                f"pushing {step.name}: {registry.name} took {image} and has it not"
            )
        engine.say(f"{step.name}: pushed {image}")
    revision = labels.get("org.opencontainers.image.revision", "")
    record[step.name] = Pushed(step.name, image, tag, digest, settings.platform, revision)


def _upload(
    step: Step, image: str, settings: Settings, root: Path, labels: Mapping[str, str], login: str
) -> None:
    if not _is_built(step, settings, root) or not engine.has(image, settings):
        _build(step, image, settings, root, labels)
    engine.call(step, settings, ["push", "--quiet", image], root, "pushing", login)


def _each(selected: Sequence[Step], action: Callable[[Step], None], jobs: int, failed: str) -> None:
    """Do something for each step, ``jobs`` at a time; the others go on when one fails."""
    from concurrent.futures import ThreadPoolExecutor

    found: dict[str, WorkbenchError] = {}

    def guarded(step: Step) -> None:
        try:
            action(step)
        except WorkbenchError as error:
            found[step.name] = error
        except OSError as error:
            found[step.name] = WorkbenchError(f"{step.name}: {error.filename}: {error.strerror}")

    engine.begin()
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        list(pool.map(guarded, selected))
    except KeyboardInterrupt:
        engine.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    errors = {step.name: found[step.name] for step in selected if step.name in found}
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        summary = f"{len(errors)} of {len(selected)} images {failed}: {', '.join(errors)}"
        reasons = {
            re.sub(f"^(building|pushing) {re.escape(name)}: ", "", str(error))
            for name, error in errors.items()
        }
        if len(reasons) == 1:  # such as no engine, or no registry: once is enough
            raise WorkbenchError(f"{summary}: {reasons.pop()}")
        for error in errors.values():
            engine.say(f"error: {error}")
        raise WorkbenchError(summary)
