"""Gives each task what ``kubernetes.yaml`` says, while ``pipeline.py`` makes it.

So what ``pipeline.py`` itself sets on a task comes later, and wins. Everything goes through
kfp's own methods, and kfp.kubernetes, which is imported only where it is needed.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kfp.dsl import base_component

from ops.errors import OpsError
from ops.kubernetes import FILE, units
from ops.kubernetes.model import Bounds, Gpu, Retries, Security, Settings, Variable, Volume
from ops.light_kfp import import_kubernetes


class Applied(NamedTuple):
    """The settings that are applied, and to how many tasks of each step they were."""

    settings: Settings
    steps: Mapping[str, str]  # by the image that their component.yaml names
    calls: "Counter[str]"


@contextlib.contextmanager
def applied(root: Path, images: Mapping[str, str]) -> Iterator[Applied]:
    """Apply ``kubernetes.yaml`` in ``root``, if it is there, to the tasks that are made within.

    ``images`` are those that steps declare, each with its step's name. A task is what a call
    of a component returns (kfp.dsl.base_component); `check` and a test tell when a release
    of kfp moves that. Raises OpsError (2) when the file is wrong.
    """
    if not (root / FILE).exists():
        yield Applied(Settings({}, {}), {}, Counter())
        return
    from ops.kubernetes import schema

    settings = schema.load(root)
    state = Applied(settings, images, Counter())
    make = base_component.BaseComponent.__call__

    def make_task(component: Any, *args: Any, **kwargs: Any) -> Any:
        task = make(component, *args, **kwargs)
        # A pipeline that is used as a step has no container.
        step = images.get(getattr(task.container_spec, "image", ""))
        if step is not None:
            state.calls[step] += 1
            _apply(task, settings.of(step, state.calls[step]))
        return task

    base_component.BaseComponent.__call__ = make_task
    try:
        yield state
    finally:
        base_component.BaseComponent.__call__ = make


def _apply(task: Any, settings: Mapping[str, Any]) -> None:
    # Looks at the whole call stack to name its caller in an error that cannot be here: at
    # every setter, as long as all the rest of a compilation.
    task._ensure_container_spec_exists = lambda: None
    for key, value in settings.items():
        _APPLY[key](task, value)
    del task._ensure_container_spec_exists


def check(spec: Any, state: Applied) -> None:
    """Raise OpsError when settings did not arrive in a compiled pipeline, or do not go together."""
    executors = spec.deployment_spec["executors"]
    for label in executors:
        if "container" not in executors[label].fields:
            continue
        container = executors[label]["container"]
        step = state.steps.get(container["image"], "")
        if step in state.settings.by_name and not state.calls[step]:
            raise OpsError(
                f"{FILE} was not applied to {step}: take the kfp of requirements-dev.txt"
            )
        if "resources" in container.fields:
            _check_bounds(label.removeprefix("exec-"), container["resources"])
    state.settings.check_numbers(state.calls)


def _check_bounds(task: str, resources: Any) -> None:
    """Raise OpsError (2) for a request over its limit; the file itself has none."""
    for kind, unit in (("cpu", "cores"), ("memory", "GB")):
        names = f"{kind}Request", f"{kind}Limit"
        if all(name in resources.fields for name in names):
            request, limit = (resources[name] for name in names)
            if request > limit:
                raise OpsError(
                    f"pipeline.py: the task {task} requests {request:g} {unit} of {kind}, over its "
                    f"limit of {limit:g}: set both there, or both in {FILE}",
                    2,
                )


def _cpu(task: Any, bounds: Bounds) -> None:
    if bounds.request:
        task.set_cpu_request(units.cpu_text(bounds.request))
    if bounds.limit:
        task.set_cpu_limit(units.cpu_text(bounds.limit))


def _memory(task: Any, bounds: Bounds) -> None:
    if bounds.request:
        task.set_memory_request(units.memory_text(bounds.request))
    if bounds.limit:
        task.set_memory_limit(units.memory_text(bounds.limit))


def _gpu(task: Any, gpu: Gpu) -> None:
    if gpu.count:
        task.set_accelerator_type(gpu.type).set_accelerator_limit(gpu.count)


def _env(task: Any, variables: list[Variable]) -> None:
    for variable in variables:
        keys = {variable.key: variable.name}
        if variable.kind == "value":
            task.set_env_variable(variable.name, variable.source)
        elif variable.kind == "secret":
            import_kubernetes().use_secret_as_env(task, variable.source, keys)
        else:
            import_kubernetes().use_config_map_as_env(task, variable.source, keys)


def _volumes(task: Any, volumes: list[Volume]) -> None:
    kubernetes = import_kubernetes()
    for number, volume in enumerate(volumes, start=1):
        if volume.kind == "claim":
            kubernetes.mount_pvc(task, volume.source, volume.path, volume.sub_path)
        elif volume.kind == "secret":
            kubernetes.use_secret_as_volume(task, volume.source, volume.path)
        elif volume.kind == "config_map":
            kubernetes.use_config_map_as_volume(task, volume.source, volume.path)
        else:
            kubernetes.empty_dir_mount(
                task,
                f"empty-dir-{number}",
                volume.path,
                medium=volume.medium or None,
                size_limit=volume.source or None,
            )


def _node_selector(task: Any, labels: Mapping[str, str]) -> None:
    kubernetes = import_kubernetes()
    for key, value in labels.items():
        kubernetes.add_node_selector(task, key, value)


def _tolerations(task: Any, tolerations: list[dict[str, Any]]) -> None:
    kubernetes = import_kubernetes()
    for toleration in tolerations:
        kubernetes.add_toleration(task, **toleration)


def _retries(task: Any, retries: Retries) -> None:
    if retries.count:
        task.set_retry(
            retries.count,
            backoff_duration=f"{retries.wait}s",
            backoff_factor=retries.factor,
            backoff_max_duration=f"{retries.max_wait}s",
        )


def _timeout(task: Any, seconds: int) -> None:
    import_kubernetes().set_timeout(task, seconds)


def _caching(task: Any, enabled: bool) -> None:
    task.set_caching_options(enabled)


def _security(task: Any, security: Security) -> None:
    import_kubernetes().set_security_context(
        task,
        run_as_user=security.user,
        run_as_group=security.group,
        run_as_non_root=security.non_root,
    )


_APPLY: Mapping[str, Callable[[Any, Any], None]] = {
    "cpu": _cpu,
    "memory": _memory,
    "gpu": _gpu,
    "env": _env,
    "volumes": _volumes,
    "node_selector": _node_selector,
    "tolerations": _tolerations,
    "retries": _retries,
    "timeout": _timeout,
    "caching": _caching,
    "security": _security,
}
