"""Fits a compiled pipeline to a server that is older than what it was compiled for.

Pure functions on its documents, as YAML has them. What an older server lacks is left out, or
written in other words, where the pipeline means the same then; with what is still there, it cannot
run.
"""

from collections.abc import Callable
from typing import Any

from kfp_workbench.pipeline import clauses, compiled
from kfp_workbench.pipeline.features import FEATURES, IF, OPTIONAL, SECURITY, Feature
from kfp_workbench.project.versions import Version

Documents = list[Any]
IsOurs = Callable[[str], bool]  # tells an image of the project's steps
_CONFIGS = "platforms.kubernetes.deploymentSpec.executors"


def fit(documents: Documents, version: Version, is_ours: IsOurs) -> list[str]:
    """Leave out, in place, what a server of ``version`` lacks and does without.

    That is what a pod does not change by: ``runAsNonRoot`` of the project's own images, which
    `make check` sees to, and what is false. Each ``if`` is written out, where it is sure what it
    comes to. Returns how the pipeline has changed, in words that follow "it goes there".
    """
    changes = []
    if version < IF.since and clauses.write_out(documents[0]):
        changes.append("with each `if` in args written out")
    if version < SECURITY.since and _leave_out_non_root(documents, is_ours):
        changes.append("without run_as_non_root")
    if version < OPTIONAL.since:
        _leave_out_required(documents)
    if len(documents) > 1:
        _drop_empty(documents[1], [*_CONFIGS.split("."), "*", "securityContext"])
        documents[:] = filter(None, documents)
    return changes


def lacking(documents: Documents, version: Version) -> dict[Feature, list[str]]:
    """Return what a server of ``version`` lacks, each with the tasks that have it."""
    whole = compiled.whole(documents)
    newer = [feature for feature in FEATURES if version < feature.since]
    found = {feature: sorted(set(feature.compiled(whole))) for feature in newer}
    return {feature: tasks for feature, tasks in found.items() if tasks}


def _leave_out_non_root(documents: Documents, is_ours: IsOurs) -> bool:
    """Leave out that steps of ours are not root, and that a task may be; tell if any was."""
    executors = documents[0]["deploymentSpec"]["executors"]
    changed = False
    for label, config in _configs(documents):
        context = config.get("securityContext", {})
        image = executors[label].get("container", {}).get("image", "")
        if "runAsNonRoot" in context and (not context["runAsNonRoot"] or is_ours(image)):
            del context["runAsNonRoot"]
            changed = True
    return changed


def _leave_out_required(documents: Documents) -> None:
    """Leave out that secrets and config maps have to be there, which they have anyway."""
    for _, config in _configs(documents):
        for source in (*config.get("secretAsEnv", []), *config.get("configMapAsEnv", [])):
            if source.get("optional") is False:
                del source["optional"]


def _configs(documents: Documents) -> list[tuple[str, Any]]:
    """Return what tasks ask of Kubernetes, by the labels of their executors."""
    return list(compiled.values(compiled.whole(documents), f"{_CONFIGS}.*"))


def _drop_empty(part: Any, path: list[str]) -> None:
    """Take what is empty out of the objects along a path, from its end; ``*`` is any key."""
    for key in [key for key in part if path[:1] in (["*"], [key])]:
        _drop_empty(part[key], path[1:])
        if part[key] == {}:
            del part[key]
