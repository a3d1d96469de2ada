"""Builds and pushes the steps' images, and pins them by digest; nothing is done twice.

An image's tag stands for its content (`ops.steps.content_tag`). What was built is noted
per step below ``build/built/``, so that an unchanged step needs no engine; what a
registry already holds is neither built nor uploaded. The engine is called by its own
command line, so that docker, BuildKit, podman and buildah all work.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ops import engine, files, steps
from ops.errors import OpsError
from ops.settings import ROOT, Settings
from ops.steps import Step

RECORD = Path("build") / "images.json"
COMPONENTS = Path("build") / "components"
BUILT = Path("build") / "built"


class Pushed(NamedTuple):
    """One entry of ``build/images.json``: an image that the registry holds."""

    step: str
    reference: str  # registry/name:tag
    tag: str
    digest: str  # sha256:...
    platform: str
    revision: str  # git's, of the sources that were pushed; "-dirty" with changes; or ""

    @property
    def pinned(self) -> str:
        """Return the image by its digest: nobody can put another one in its place."""
        return f"{self.reference.removesuffix(f':{self.tag}')}@{self.digest}"


def build(
    selected: Sequence[Step],
    settings: Settings,
    root: Path = ROOT,
    *,
    jobs: int = 1,
    again: bool = False,
) -> None:
    """Build the images of the steps that changed since they were built, ``jobs`` at a time.

    ``again`` builds the others too. Raises OpsError (1) when one failed, after the
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
    worked when others failed; raises OpsError (1) then.
    """
    labels = engine.labels(root)
    record = read_record(root)
    try:
        _each(
            selected,
            lambda step: _push(step, settings, root, labels, record),
            jobs,
            "could not be pushed",
        )
    finally:
        _write_record(record, selected, settings, root)
    return [record[step.name] for step in selected]


def read_record(root: Path = ROOT) -> dict[str, Pushed]:
    """Return what ``build/images.json`` says, by step; nothing when it is not there."""
    try:
        entries = json.loads((root / RECORD).read_text(encoding="utf-8"))
        return {entry["step"]: Pushed(**entry) for entry in entries}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError) as error:
        raise OpsError(f"{RECORD}: is damaged ({error}): remove it, then make push", 2) from None


def compiled_images(settings: Settings, root: Path = ROOT) -> dict[str, str]:
    """Return each step's image as the compiled pipeline names it.

    By digest where the registry holds the present content, else by its content tag.
    """
    record = read_record(root)
    images = {}
    for step in steps.find_steps(root):
        image = steps.reference(step, settings, root)
        pushed = record.get(step.name)
        images[step.name] = pushed.pinned if pushed and pushed.reference == image else image
    return images


def missing(used: Iterable[str], settings: Settings, root: Path = ROOT) -> list[str]:
    """Return a line when a compiled pipeline names none of the images that the steps have here."""
    found = _ours(used, settings, root)
    if found or not steps.find_steps(root):
        return []
    return [f"the compiled pipeline names no image in {settings.registry}: make compile"]


def unpinned(used: Iterable[str], settings: Settings, root: Path = ROOT) -> list[str]:
    """Return a line for each of the project's images that is used without a digest."""
    known = read_record(root)
    lines = []
    for step, image in _ours(used, settings, root).items():
        if "@" not in image:
            why = "changed since the last push" if step in known else "was not pushed from here"
            lines.append(f"steps/{step} {why}: make push")
    return lines


def outdated(used: Iterable[str], settings: Settings, root: Path = ROOT) -> list[str]:
    """Return a line for each of the project's images that is not that of the present content."""
    current = compiled_images(settings, root)
    return [
        f"steps/{step} changed since the last {'push' if '@' in image else 'compilation'}: make "
        + ("push compile" if "@" in image else "compile")
        for step, image in _ours(used, settings, root).items()
        if image != current[step]
    ]


def _ours(used: Iterable[str], settings: Settings, root: Path) -> dict[str, str]:
    """Return those of the used images that belong to steps, by step."""
    names = {steps.image_name(step, settings): step.name for step in steps.find_steps(root)}
    return {
        names[name]: image for image in sorted(used) if (name := steps.untagged(image)) in names
    }


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

    from ops import staging

    dockerfile = step.folder.relative_to(root) / "Dockerfile"
    if not (root / dockerfile).is_file():
        raise OpsError(f"building {step.name}: {dockerfile} is missing: templates/step/ has one", 2)
    engine.say(f"{step.name}: building {image} (V=1 shows how)")
    words = ["build", "--platform", settings.platform, "--file", str(dockerfile)]
    for option, pairs in (("--build-arg", settings.build_args), ("--label", labels)):
        words += [word for key, value in pairs.items() for word in (option, f"{key}={value}")]
    (root / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root / "build", prefix=".context-") as folder:
        staging.stage(step, Path(folder), root)
        if steps.reference(step, settings, root) != image:
            # Its tag would stand for a content that it does not have, for ever.
            raise OpsError(f"steps/{step.name} changed while it was being built: try again")
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
    from ops.registry import RefusedError, Registry

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
            raise OpsError(f"pushing {step.name}: {registry.name} took {image} and has it not")
        engine.say(f"{step.name}: pushed {image}")
    revision = labels.get("org.opencontainers.image.revision", "")
    record[step.name] = Pushed(step.name, image, tag, digest, settings.platform, revision)


def _upload(
    step: Step, image: str, settings: Settings, root: Path, labels: Mapping[str, str], login: str
) -> None:
    if not _is_built(step, settings, root) or not engine.has(image, settings):
        _build(step, image, settings, root, labels)
    engine.call(step, settings, ["push", "--quiet", image], root, "pushing", login)


def _write_record(
    record: Mapping[str, Pushed], selected: Sequence[Step], settings: Settings, root: Path
) -> None:
    """Write what is known of the steps that still exist, and a component of each.

    What another push has noted of other steps in the meantime stays.
    """
    ours = {step.name: record[step.name] for step in selected if step.name in record}
    with files.locked(root / "build" / ".images.lock"):
        merged = read_record(root) | ours
        entries = [merged[step.name] for step in steps.find_steps(root) if step.name in merged]
        text = json.dumps([entry._asdict() for entry in entries], indent=2)
        files.write(root / RECORD, f"{text}\n")
    for entry in entries:
        if entry.reference == steps.reference(steps.get_step(entry.step, root), settings, root):
            _write_component(entry, root)


def _write_component(entry: Pushed, root: Path) -> None:
    """Write a step's ``component.yaml`` with its digest, for pipelines of other projects."""
    step = steps.get_step(entry.step, root)
    text = (step.folder / "component.yaml").read_text(encoding="utf-8")
    declared = re.escape(steps.declared_image(step))
    image = re.compile(rf"(\bimage:\s*)([\"']?){declared}\2(?=[\s,}}]|$)", re.M)
    pinned, count = image.subn(rf"\g<1>{entry.pinned}", text)
    if count != 1:
        raise OpsError(
            f"steps/{step.name}/component.yaml: its image cannot be pinned: write it on one line, "
            f"image: {steps.declared_image(step)}",
            2,
        )
    files.write(root / COMPONENTS / f"{step.name}.yaml", pinned)


def _each(selected: Sequence[Step], action: Callable[[Step], None], jobs: int, failed: str) -> None:
    """Do something for each step, ``jobs`` at a time; the others go on when one fails."""
    from concurrent.futures import ThreadPoolExecutor

    errors: dict[str, OpsError] = {}

    def guarded(step: Step) -> None:
        try:
            action(step)
        except OpsError as error:
            errors[step.name] = error
        except OSError as error:
            errors[step.name] = OpsError(f"{step.name}: {error.filename}: {error.strerror}")

    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        list(pool.map(guarded, selected))
    except KeyboardInterrupt:
        engine.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        summary = f"{len(errors)} of {len(selected)} images {failed}: {', '.join(errors)}"
        reasons = {
            re.sub(f"^(building|pushing) {name}: ", "", str(error))
            for name, error in errors.items()
        }
        if len(reasons) == 1:  # such as no engine, or no registry: once is enough
            raise OpsError(f"{summary}: {reasons.pop()}")
        for error in errors.values():
            engine.say(f"error: {error}")
        raise OpsError(summary)
