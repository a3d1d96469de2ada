"""How a task has ended: the class of ``kfp.dsl``, for images without kfp."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class PipelineTaskFinalStatus:
    """How what a step waited for has ended; ``state`` is ``FAILED``, or ``COMPLETE`` when all is well."""

    state: str  # other runners than KFP's servers say SUCCEEDED when all is well
    pipeline_job_resource_name: str = ""
    pipeline_task_name: str = ""
    error_code: int | None = None  # KFP's servers tell of no error
    error_message: str | None = None


def as_told(told: Mapping[str, Any]) -> PipelineTaskFinalStatus:
    """Return a status from the JSON object that KFP has for it."""
    error = told.get("error")
    error = error if isinstance(error, dict) else {}
    return PipelineTaskFinalStatus(
        told.get("state", ""),
        told.get("pipelineJobResourceName") or told.get("pipeline_job_resource_name", ""),
        told.get("pipelineTaskName") or told.get("pipeline_task_name", ""),
        error.get("code"),
        error.get("message"),
    )
