"""Runs a task's command in its container, and takes what it leaves.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/component/launcher_v2.go.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kfp_workbench.local import artifacts, outputs, placeholders, values
from kfp_workbench.local.artifacts import LOGS, RuntimeArtifact
from kfp_workbench.local.bounds import OutsideError, hold
from kfp_workbench.local.driver import Begun
from kfp_workbench.local.executor_input import ExecutorInput
from kfp_workbench.local.expansion import environment, expand, fill_in, texts_replaced
from kfp_workbench.local.metadata import Artifact
from kfp_workbench.local.places import Place
from kfp_workbench.local.runners import cause, outcome
from kfp_workbench.local.spec import Component
from kfp_workbench.local.store import Shared, Store, StoreError, check, discard

Command = Callable[[Sequence[str], Mapping[str, str], Place, Sequence[Shared]], int]
"""Runs a command line with variables, and returns its exit status."""


class Result(NamedTuple):
    """What became of one attempt at a task."""

    status: int | None = None  # the command's; None where it was not begun
    failed_in: str = ""  # launcher or command; "" for a success
    reason: str = ""
    cause: str = ""  # its code
    parameters: Mapping[str, Any] = MappingProxyType({})
    artifacts: Mapping[str, RuntimeArtifact] = MappingProxyType({})


class Launcher(NamedTuple):
    """What the launchers of a run share."""

    store: Store
    root: str  # the address below which the run's artifacts lie
    tags: Mapping[str, str] = MappingProxyType({})  # what Argo fills in
    keeps_inputs: bool = False  # the copies of them that a task had, which are its own

    def launch(
        self,
        begun: Begun,
        component: Component,
        variables: Mapping[str, str],
        place: Place,
        attempt: int,
        run: Command,
    ) -> Result:
        """Run a task once in ``place``; ``attempt`` counts from 0."""
        words, given, defaults = _prepared(begun, component, variables, place, attempt, self.tags)
        try:
            shared = self._fetch(begun, place)
            outputs.prepare(given, place)
        except OutsideError as error:
            return Result(failed_in="launcher", reason=str(error), cause=error.code)
        except (StoreError, OSError) as error:
            return Result(
                failed_in="launcher", reason=f"cannot get an input: {error}", cause="download"
            )
        words = placeholders.compile_words(words, defaults.json(), _replacements(defaults))
        kept: Sequence[Path] = ()
        try:
            status = run(words, environment(variables, {}), place, shared)
            if status:
                return Result(status, "command", outcome(status), cause(status))
            result, kept = self._collected(begun, component, given, place, shared)
            return result
        finally:
            if not self.keeps_inputs:
                self._clear(begun, place, kept)

    def _fetch(self, begun: Begun, place: Place) -> Sequence[Shared]:
        """Put the input artifacts where the task finds them; return those that are not its own."""
        shared = []
        done = set()
        for several in begun.inputs.artifacts.values():
            if several and _path(several[0]) is None:
                raise StoreError(f"{several[0].uri} is in no bucket")
            for artifact in several:
                target = _path(artifact)
                if artifact.is_in_workspace or target is None or target in done:
                    continue
                done.add(target)
                hold(place, place.host(target))
                fetched = self.store.fetch(artifact.uri, target, place)
                shared += [fetched] if fetched else []
        return shared

    def _clear(self, begun: Begun, place: Place, kept: Sequence[Path]) -> None:
        """Remove the task's own copies of its inputs: the store has them, but for what is ``kept``."""
        for several in begun.inputs.artifacts.values():
            for artifact in several:
                path = _path(artifact)
                if path is None or artifact.is_in_workspace:
                    continue
                copy = place.host(path)
                if any(file.is_relative_to(copy) for file in kept):
                    continue  # handed on as an output
                with suppress(OutsideError):  # where a link has come before it, it is not ours
                    hold(place, copy.parent)
                    discard(copy)

    def _collected(
        self,
        begun: Begun,
        component: Component,
        given: ExecutorInput,
        place: Place,
        shared: Sequence[Shared],
    ) -> tuple[Result, Sequence[Path]]:
        """Take what a task leaves; return it, and the files that the store keeps."""
        assert begun.outputs is not None
        try:
            check(shared)
            told = outputs.told(given, place)
            parameters = outputs.parameters(given, place, component, told)
            made = outputs.artifacts(begun.outputs.artifacts, place, told, self.root)
            files = [(item.uri, outputs.file_of(item, place)) for item in made.values()]
            kept = [(address, path) for address, path in files if path is not None]
            for address, path in kept:
                self.store.keep(address, path)
        except (outputs.OutputError, OutsideError, StoreError) as error:
            return Result(0, "launcher", str(error), error.code), ()
        return Result(0, parameters=parameters, artifacts=made), [path for _, path in kept]


def _path(artifact: Artifact) -> str | None:
    """Return where a container finds an input artifact; None for an address of an unknown kind."""
    try:
        return artifacts.local_path(artifact.uri)
    except ValueError:
        return None


def _prepared(
    begun: Begun,
    component: Component,
    variables: Mapping[str, str],
    place: Place,
    attempt: int,
    tags: Mapping[str, str],
) -> tuple[list[str], ExecutorInput, ExecutorInput]:
    """Return command line and executor input as Argo and Kubernetes hand them to the launcher.

    The executor input comes twice: without, and with the defaults that its component declares.
    """
    assert begun.outputs is not None
    known = environment(variables, {})
    filled = {**tags, "pod.name": known.get("KFP_POD_NAME", "")}
    if "KFP_RETRY_INDEX" in known:
        filled["retries"] = known["KFP_RETRY_INDEX"]

    def reaching(text: str) -> str:
        return expand(fill_in(text, filled), known)

    def seen(value: Any) -> Any:
        return texts_replaced(value, lambda text: place.seen_text(reaching(text)))

    def told(item: RuntimeArtifact) -> RuntimeArtifact:
        given = item.metadata
        return item._replace(metadata=given and texts_replaced(dict(given), reaching))

    made = {
        name: [
            told(item)._replace(uri=place.seen_address(_logged(name, item.uri, attempt)))
            for item in several
        ]
        for name, several in begun.outputs.artifacts.items()
    }
    given = ExecutorInput(
        seen(begun.inputs.parameters),
        {
            name: [told(_seen(item, place)) for item in several]
            for name, several in begun.inputs.artifacts.items()
        },
        {name: place.seen(path) for name, path in begun.outputs.parameters.items()},
        made,
        place.seen(begun.outputs.file),
    )
    defaults = {
        name: seen(parameter.default)
        for name, parameter in component.parameters.items()
        if parameter.default is not None
    }
    words = [place.seen_text(reaching(word)) for word in begun.command]
    return words, given, given._replace(parameters={**defaults, **given.parameters})


def _logged(name: str, uri: str, attempt: int) -> str:
    return f"{uri}-{attempt}" if name == LOGS else uri


def _seen(artifact: Artifact, place: Place) -> RuntimeArtifact:
    found = artifacts.given(artifact)
    if not artifact.is_in_workspace or place.is_rooted:
        return found._replace(uri=place.seen_address(found.uri))
    # A process has no workspace of that path: its address says where it is.
    path = place.seen(artifacts.workspace_path(artifact.uri))
    return found._replace(uri=path, metadata=dict(artifact.metadata))


def _replacements(given: ExecutorInput) -> dict[str, str]:
    """Return the placeholders that the launcher knows, with what each stands for."""
    found: dict[str, str] = {}
    for kind, items in (("inputs", given.artifacts), ("outputs", given.output_artifacts)):
        for name, several in items.items():
            if not several:
                continue
            found[f"{{{{$.{kind}.artifacts['{name}'].uri}}}}"] = several[0].uri
            if (path := artifacts.seen_path(several[0])) is not None:
                found[f"{{{{$.{kind}.artifacts['{name}'].path}}}}"] = path
    for name, value in given.parameters.items():
        found[placeholders.tag(name)] = values.launcher_text(value)
    for name, file in given.output_parameters.items():
        found[f"{{{{$.outputs.parameters['{name}'].output_file}}}}"] = file
    return found
