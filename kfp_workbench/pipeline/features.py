"""What KFP's servers have from some version on, and a project can ask for: the one table of it.

A server refuses a whole file for one field that its protocol lacks; what that has is in
``pipeline_spec.proto`` and ``kubernetes_executor_config.proto`` of its tag in
https://github.com/kubeflow/pipelines. The rows end at 2.14; little is known here of older ones.
"""

from typing import NamedTuple

from kfp_workbench.pipeline import clauses, compiled
from kfp_workbench.pipeline.compiled import Finder
from kfp_workbench.project.versions import Version


class Argument(NamedTuple):
    """An argument of a function that ``pipeline.py`` calls, and its place if it has one."""

    function: str
    name: str
    place: int | None = None


class Feature(NamedTuple):
    """A row of the table."""

    since: Version
    what: str  # as in "... needs KFP 2.16"
    cure: str
    source: str  # how it is known; a number is a pull request of kubeflow/pipelines
    compiled: Finder  # the tasks, or components, that have it in a compiled pipeline
    arguments: tuple[Argument, ...] = ()  # that ask for it, where they are not false
    settings: tuple[str, ...] = ()  # of a step in kubernetes.yaml, likewise; * is any key


IF = Feature(
    Version(2, 17),
    "an `if` in args",
    "give the input a default, and hand it over in any case",
    "seen on 2.15.0, which hands its JSON to the step; 12598",
    compiled.at(
        "deploymentSpec.executors.*.container.args.*",
        "deploymentSpec.executors.*.container.command.*",
        counts=lambda word: str(word).startswith(clauses.START),
    ),
)
NAMED_LOOP = Feature(
    Version(2, 16),
    "what is collected from a loop with a name of its own",
    "drop name=",
    'seen on 2.15.0, "producer task, for-loop-1, not in tasks"; 12808',
    compiled.collected_of_named,
)
SECURITY = Feature(
    Version(2, 16),
    "a security context",
    "leave it out",
    'seen on 2.15.0, "unknown field securityContext"; 12832',
    compiled.of_executors("securityContext"),
    tuple(
        Argument("set_security_context", f"run_as_{name}", place)
        for place, name in enumerate(("user", "group"), start=1)
    ),
    ("security.run_as_user", "security.run_as_group"),
)
OPTIONAL = Feature(
    Version(2, 15),
    "a variable whose secret or config map may be missing (optional=)",
    "drop it, and make the object",
    "protocol; 12216",
    compiled.of_executors("secretAsEnv.*.optional", "configMapAsEnv.*.optional"),
    (
        Argument("use_secret_as_env", "optional", 3),
        Argument("use_config_map_as_env", "optional", 3),
    ),
)
FEATURES = (
    IF,
    Feature(
        Version(2, 17),
        "a claim made from another one or from a snapshot (data_source=)",
        "fill the claim in a step",
        "protocol; 12696",
        compiled.claims_with_source,
        (Argument("CreatePVC", "data_source"),),
    ),
    Feature(
        Version(2, 17),
        "a time limit of the whole pipeline (active_deadline_seconds=)",
        "give each step a timeout",
        "protocol",
        compiled.of_pipeline("activeDeadlineSeconds"),
        (Argument("PipelineConfig", "active_deadline_seconds", 4),),
    ),
    Feature(
        Version(2, 17),
        "a time that workflows are kept for (ttl_seconds_after_...=)",
        "leave it out",
        "protocol; 13184",
        compiled.of_pipeline(
            "resourceTtlOnCompletion", "resourceTtlOnSuccess", "resourceTtlOnFailure"
        ),
        tuple(
            Argument("PipelineConfig", f"ttl_seconds_after_{end}", place)
            for place, end in enumerate(("finished", "success", "failure"), start=1)
        ),
    ),
    NAMED_LOOP,
    SECURITY,
    Feature(
        Version(2, 16),
        "a folder of a claim (sub_path)",
        "mount all of the claim, and hand the path to the step",
        "protocol; 12595",
        compiled.of_executors("pvcMount.*.subPath"),
        (Argument("mount_pvc", "sub_path", 3),),
        ("volumes.*.sub_path",),
    ),
    OPTIONAL,
    Feature(
        Version(2, 15),
        "an import into the workspace (download_to_workspace=)",
        "leave it out",
        "protocol; 12353",
        compiled.at("deploymentSpec.executors.*.importer.downloadToWorkspace", counts=bool),
        (Argument("importer", "download_to_workspace"),),
    ),
    Feature(
        Version(2, 15),
        "dsl.TaskConfig",
        "leave it out",
        "protocol; 12185",
        compiled.at(
            "components.*.inputDefinitions.parameters.*.parameterType",
            counts=lambda kind: kind == "TASK_CONFIG",
        ),
    ),
    Feature(
        Version(2, 14),
        "a workspace (PipelineConfig(workspace=))",
        "mount a claim",
        "protocol; 11982",
        compiled.of_pipeline("workspace"),
        (Argument("PipelineConfig", "workspace", 0),),
    ),
    Feature(
        Version(2, 14),
        "dsl.Collected",
        "loop within a step",
        "11725",
        compiled.collected,
        (Argument("Collected", "output", 0),),
    ),
)
NEWEST = max(feature.since for feature in FEATURES)  # from there on, nothing is missing
OLDEST = min(feature.since for feature in FEATURES)  # of what was before, little is known here
