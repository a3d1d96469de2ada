"""Takes what a task leaves: the parameters in its files, what it publishes, and its artifacts.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/component/launcher_v2.go
(``collectOutputParameters``, ``uploadOutputArtifacts``, ``mergeRuntimeArtifacts``).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kfp_workbench.local import values
from kfp_workbench.local.artifacts import (
    IN_WORKSPACE,
    LOGS,
    WORKSPACE,
    RuntimeArtifact,
    path_of,
    schema,
    seen_path,
)
from kfp_workbench.local.bounds import hold, within
from kfp_workbench.local.executor_input import ExecutorInput, ExecutorOutput, read_output
from kfp_workbench.local.expansion import texts_replaced
from kfp_workbench.local.metadata import MetadataError, converted
from kfp_workbench.local.places import Place
from kfp_workbench.local.problems import ProblemError
from kfp_workbench.local.spec import Component
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import is_secret


class OutputError(ProblemError):
    """Something that the launcher does not take from a task."""

    code = "output"


def prepare(given: ExecutorInput, place: Place) -> None:
    """Make the folders that a task's outputs go to; an engine's containers may have any user.

    Raises OutsideError for one that is not among the task's own files.
    """
    files = [*given.output_parameters.values(), given.output_file]
    for several in given.output_artifacts.values():
        files += [path for artifact in several if (path := seen_path(artifact)) is not None]
    for file in files:
        folder = place.written(file).parent
        hold(place, folder)
        folder.mkdir(parents=True, exist_ok=True)
    if place.is_rooted:
        _open_up(place.folder)


def _open_up(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)


def told(given: ExecutorInput, place: Place) -> ExecutorOutput:
    """Return what a task has published, if anything."""
    file = within(place, place.written(given.output_file))
    try:
        text = file.read_bytes().decode()
    except FileNotFoundError:
        return ExecutorOutput()
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"cannot read what it published: {error}") from None
    try:
        return read_output(text)
    except ValueError as error:
        why = f"what it published is no executor output: {error}"
        raise OutputError(why, "output-type") from None


def parameters(
    given: ExecutorInput, place: Place, component: Component, published: ExecutorOutput
) -> dict[str, Any]:
    """Return the output parameters: what was published, else what stands in the files."""
    found = dict(published.parameters)
    for name, file in given.output_parameters.items():
        if name not in found:
            path = within(place, place.written(file))
            found[name] = _parameter(name, path, component.outputs[name])
    if place.is_rooted:
        return found
    here = str(place.workspace)
    return {
        name: texts_replaced(value, lambda text: text.replace(here, WORKSPACE))
        for name, value in found.items()
    }


def _parameter(name: str, file: Path, kind: str) -> Any:
    try:
        return values.from_text(file.read_bytes().decode(), kind)
    except FileNotFoundError:
        raise OutputError(
            f"it ended well, but never wrote its output {shown(name)}", "output-missing"
        ) from None
    except UnicodeDecodeError:
        raise OutputError(f"its output {name} is no UTF-8", "output-type") from None
    except OSError as error:
        raise OutputError(f"its output {name} cannot be read: {error.strerror}") from None
    except ValueError as error:
        why = "is none" if is_secret(name) else str(error)
        raise OutputError(f"its output {name}, of type {kind}: {why}", "output-type") from None


def artifacts(
    declared: Mapping[str, Sequence[RuntimeArtifact]],
    place: Place,
    published: ExecutorOutput,
    root: str,
) -> dict[str, RuntimeArtifact]:
    """Return the output artifacts with all that was published of them, in a cluster's terms.

    ``root`` is the address below which they have to lie. Their metadata are in the service's form.
    """
    found = {}
    for name, (artifact, *_) in declared.items():
        if name == LOGS:
            continue
        artifact = _merged(artifact, published.artifacts.get(name, ()), place)
        if artifact.custom_path is not None and not place.has(artifact.custom_path):
            raise OutputError(
                f"its artifact {name} is at {artifact.custom_path}, which cannot be taken out of a "
                "container here: let it be at its own path"
            )
        found[name] = _checked(name, artifact, root)
    return found


def _merged(
    artifact: RuntimeArtifact, published: Sequence[RuntimeArtifact], place: Place
) -> RuntimeArtifact:
    for item in published[:1]:
        metadata = artifact.metadata
        if item.metadata is not None:
            metadata = {**(metadata or {}), **item.metadata}
        artifact = artifact._replace(
            uri=place.address(item.uri) or artifact.uri,
            metadata=metadata,
            custom_path=item.custom_path or artifact.custom_path,
        )
    return artifact


def _checked(name: str, artifact: RuntimeArtifact, root: str) -> RuntimeArtifact:
    for text in (artifact.uri, artifact.custom_path or ""):
        if "\0" in text:
            raise OutputError(f"its artifact {name} is at {shown(text)}, which no file can be")
    try:
        path_of(artifact)
        known = not artifact.uri.startswith("oci://")
    except ValueError:
        known = False
    if known and not artifact.uri.startswith(root):
        raise OutputError(
            f"its artifact {name} is at {artifact.uri}, which is not where the run keeps its artifacts"
        )
    kept = {key: value for key, value in (artifact.metadata or {}).items() if key != IN_WORKSPACE}
    try:
        schema(artifact)
        return artifact._replace(metadata=converted(kept))
    except (MetadataError, ValueError) as error:
        raise OutputError(f"its artifact {name}: {error}", "metadata") from None


def file_of(artifact: RuntimeArtifact, place: Place) -> Path | None:
    """Return where a task's artifact lies, be it there or not; None for one that is elsewhere.

    Raises OutsideError for one that leads out of the task's own files.
    """
    try:
        path = path_of(artifact)
    except ValueError:
        return None
    file = place.written(path) if artifact.custom_path is not None else place.host(path)
    return within(place, file)
