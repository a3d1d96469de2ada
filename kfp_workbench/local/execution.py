"""Runs a compiled file here, by the rules of KFP's backend, and returns the record of it.

``Setting`` is what a run has around it: a folder of its own, something that runs containers, and the
objects that importers may ask for.
"""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kfp_workbench.local import (
    admission,
    allowances,
    collecting,
    driver,
    identifiers,
    record,
    spec,
    values,
)
from kfp_workbench.local.artifacts import root_of
from kfp_workbench.local.cache import Cache
from kfp_workbench.local.collecting import UnresolvedError
from kfp_workbench.local.dags import DagRun
from kfp_workbench.local.inputs import Identity
from kfp_workbench.local.launcher import Launcher
from kfp_workbench.local.metadata import Execution, Imported, Metadata, MetadataError
from kfp_workbench.local.models import SCHEME, Models
from kfp_workbench.local.progress import Progress, Silent
from kfp_workbench.local.runners import Runner
from kfp_workbench.local.scheduler import Scheduler, Share
from kfp_workbench.local.store import AbsentError, Store, StoreError
from kfp_workbench.local.tasks import Tasks
from kfp_workbench.local.telling import Teller
from kfp_workbench.local.work import Work
from kfp_workbench.project.secrecy import NO_MASK, Mask


class Setting(NamedTuple):
    """What a run has around it."""

    folder: Path  # the run's own: it is there, and empty
    runner: Runner
    title: str = ""  # the pipeline's, for people
    name: str = ""  # the run's, for people; that of the pipeline without one
    jobs: int = 1  # commands that run at once
    cache: Path | None = None  # the folder of results that may be reused; None reuses none
    objects: Path | None = None  # a folder with what is in buckets: minio/BUCKET/KEY, gcs/…, s3/…
    project: Path | None = None  # where paths of importers start; None takes no paths
    steps: Mapping[str, str] = MappingProxyType({})  # names by image
    contents: Mapping[str, str] = MappingProxyType({})  # content tags by image
    progress: Progress = Silent()
    mask: Mask = NO_MASK
    stop: threading.Event | None = None  # what ends it, when it is set


class Run:
    """One run: checked when it is made, and then run once."""

    def __init__(
        self, documents: Sequence[Any], parameters: Mapping[str, Any], setting: Setting
    ) -> None:
        """Read and check the documents of a compiled file.

        Raises WorkbenchError (2) for what a cluster, or this machine, would not begin with.
        """
        name = documents[0]["pipelineInfo"]["name"]
        self.setting = setting
        self.stop = setting.stop or threading.Event()
        self.identity = _identity(name, setting.name)
        self.pipeline = spec.read(admission.substituted(documents, self.identity))
        self.parameters = admission.parameters(self.pipeline, parameters, self.identity)
        self.shown: Mapping[str, Any] = self.parameters  # in the record
        self.store = Store(setting.objects, setting.project)
        admission.check(self.pipeline, self.parameters, self._object_problem)
        self._allowances = allowances.of(documents)

    def models(self) -> list[tuple[str, str]]:
        """Return the images that are known to be imported, each after its importer's name."""
        if not self.pipeline.has_importers:
            return []
        from kfp_workbench.local import imports

        return [
            (each.label, each.address)
            for each in imports.known(self.pipeline, self.parameters)
            if each.is_used and each.takes_image and each.address.startswith(SCHEME)
        ]

    def _object_problem(self, uri: str) -> str | None:
        try:
            self.store.file(uri)
        except AbsentError as error:
            return str(error)
        except StoreError:  # on a cluster, too: a task that takes it fails
            return None
        return None

    def execute(self) -> record.Run:
        """Run it, and return the record of it, which says so where it failed or was stopped."""
        setting = self.setting
        title = setting.title or self.pipeline.name
        noted = record.Run(
            self.pipeline.name,
            title,
            setting.runner.kind,
            dict(self.shown),
            run_id=self.identity.run_id,
            workflow=self.identity.resource_name,
            name=self.identity.display_name,
        )
        recorder = record.Recorder(noted, setting.folder, setting.mask)
        tasks = self._tasks(recorder)
        root = DagRun(
            self.pipeline.root,
            driver.root(tasks.metadata, self.parameters),
            (),
            (),
            lambda well: None,
        )
        deadline = self.pipeline.deadline
        ends = time.monotonic() + deadline if deadline else math.inf
        if self.pipeline.has_workspace:
            workspace = tasks.files("", 1).workspace
            workspace.mkdir()
            workspace.chmod(0o777)
        try:
            tasks.scheduler.run(root, ends)
        except BaseException as error:
            recorder.end("failed", f"the run was broken off: {type(error).__name__}: {error}")
            raise
        tasks.cache.keep_imports(tasks.imported.known)
        self._end(recorder, tasks, root)
        return noted

    def _tasks(self, recorder: record.Recorder) -> Tasks:
        setting, identity = self.setting, self.identity
        cache = Cache(
            setting.cache,
            self.pipeline.name,
            setting.contents,
            identity.resource_name,
            setting.folder,
            setting.progress.say,
        )
        whole = Share(setting.jobs, setting.runner.memory)
        scheduler = Scheduler(self.pipeline, whole, self.stop)
        tasks = Tasks(
            self.pipeline,
            Metadata(),
            identity,
            scheduler,
            Launcher(self.store, root_of(self.pipeline.name, identity.run_id), identity.tags),
            self.store,
            setting.runner,
            setting.folder,
            recorder,
            Teller(setting.folder, setting.progress, setting.steps, setting.mask),
            cache,
            Imported(cache.imports()),
            self._allowances,
            self.stop,
        )
        scheduler.work = Work(tasks)
        self.store.models = Models(setting.runner, setting.folder / "images").get
        return tasks

    def _end(self, recorder: record.Recorder, tasks: Tasks, root: DagRun) -> None:
        failures = tasks.teller.failures
        if root.open and tasks.scheduler.is_late:
            why = f"the run took longer than its deadline of {self.pipeline.deadline} s"
            recorder.end("failed", why)
        elif root.open:
            recorder.end("interrupted", "interrupted")
        elif not root.is_well:
            recorder.end("failed", self.setting.mask(_reason(failures)))
        else:
            recorder.end("succeeded", outputs=_outputs(tasks, root.execution))


def _identity(pipeline: str, name: str) -> Identity:
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Identity(
        identifiers.new(), f"{pipeline}-{identifiers.new()[:5]}", name or pipeline, created
    )


def _reason(failures: list[record.Task]) -> str:
    if not failures:
        return "the run failed"
    first = failures[0]
    colon = "" if first.failed_in == "command" else ":"
    return f"{first.step or first.label}{colon} {first.reason}"


def _outputs(tasks: Tasks, root: Execution) -> dict[str, Any]:
    """Return what a pipeline results in: a cluster does not look at that.

    An artifact is the path of its file; what comes from a branch that was not taken is left out.
    """
    found: dict[str, Any] = {}
    pipeline = tasks.pipeline.root
    assert pipeline.dag is not None
    root.parameter_producers = pipeline.dag.parameters or None
    root.artifact_producers = pipeline.dag.artifacts or None
    for name in pipeline.dag.parameters:
        try:
            value = collecting.own_parameter(tasks.metadata, root, name)
        except (UnresolvedError, MetadataError):
            continue
        found[name] = _result(value, pipeline.outputs.get(name, ""))
    for name in pipeline.dag.artifacts:
        try:
            several = collecting.own_artifacts(tasks.metadata, root, name)
        except (UnresolvedError, MetadataError):
            continue
        paths = [str(tasks.store.known(item.uri) or item.uri) for item in several]
        is_list = pipeline.output_artifacts.get(name, {}).get("isArtifactList")
        found[name] = paths if is_list else paths[0]
    return found


def _result(value: Any, kind: str) -> Any:
    if value is collecting.NO_VALUE:
        return None
    if not values.is_finite(value):
        return values.launcher_text(value) if isinstance(value, float) else None
    return values.plain(value) if kind == "NUMBER_INTEGER" else value
