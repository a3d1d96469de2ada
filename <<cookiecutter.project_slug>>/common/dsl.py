"""What steps know of ``kfp.dsl``, by its names and with its methods, for images without kfp.

KFP keeps a text in metadata as it is, a number with six decimals, true and false as 1 and 0, and
wraps the rest, once: a list becomes ``{"list": […]}``, an object ``{"struct": {…}}``:
https://github.com/kubeflow/pipelines/tree/master/backend/src/v2/metadata (converter.go, client.go)
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partialmethod
from typing import Annotated, Any, NamedTuple, TypeVar

from common.values import InputError, OutputError, fitted, plain, short

__all__ = [
    "HTML", "Artifact", "ClassificationMetrics", "Dataset", "Input", "InputError", "InputPath",
    "Markdown", "Metrics", "Model", "Output", "OutputPath", "PipelineTaskFinalStatus",
    "SlicedClassificationMetrics",
]  # fmt: skip
T = TypeVar("T")
Input = Annotated[T, "input"]
Output = Annotated[T, "output"]
PATHS = {"gs://": "/gcs/", "minio://": "/minio/", "s3://": "/s3/"}  # where files of addresses are
ADDRESSES = {path: address for address, path in PATHS.items()}
DRAFT = ".kfp-draft-"  # begins the name of the folder that an output is first written to
OWN = ("store_session_info", "_kfp_workspace")  # keys by which KFP finds the artifact's file


class InputPath(NamedTuple):
    """An input artifact, of which a step gets the path: ``InputPath("Dataset")``."""

    type: Any = None  # for component.yaml alone


class OutputPath(InputPath):
    """An output, of which a step gets the path to write it to: ``OutputPath(str)``."""


@dataclass
class PipelineTaskFinalStatus:
    """How what a step waited for has ended; ``state`` is ``FAILED``, or ``COMPLETE`` when all is well."""

    state: str = ""  # other runners than KFP's servers say SUCCEEDED when all is well
    pipeline_job_resource_name: str = ""
    pipeline_task_name: str = ""
    error_code: int | None = None  # KFP's servers tell of no error
    error_message: str | None = None

    @classmethod
    def from_kfp(cls, told: Mapping[str, Any]) -> "PipelineTaskFinalStatus":
        """Return what the JSON object says that KFP has for it, by names with capitals or without."""
        error = told.get("error")
        errors = {f"error_{key}": error[key] for key in error} if isinstance(error, dict) else {}
        found = {re.sub("[A-Z]", r"_\g<0>", key).lower(): told[key] for key in told} | errors
        return cls(**{key: found[key] for key in cls.__dataclass_fields__ if key in found})


class Artifact:
    """A file, a folder, or figures; ``metadata`` say more of it."""

    schema_title, schema_version = "system.Artifact", "0.0.1"
    in_image = ""  # where it is in an image, which has an address oci://…

    def __init_subclass__(cls) -> None:
        cls.schema_title = f"system.{cls.__name__}"

    def __init__(self, name: str | None = "", uri: str | None = "", metadata: Any = None) -> None:
        self.name, self.uri, self.custom_path = name or "", uri or "", ""
        self.metadata: dict[str, Any] = {} if metadata is None else metadata

    @property
    def path(self) -> str:
        """Where its file or folder is; of an output, where to write it."""
        return self.custom_path or self.local_path

    @path.setter
    def path(self, path: str | os.PathLike[str]) -> None:
        self.custom_path = os.fspath(path)
        final = re.sub(rf"{re.escape(DRAFT)}\w+/", "", self.custom_path)
        self.uri = re.sub("^/(gcs|minio|s3)/", lambda found: ADDRESSES[found[0]], final)

    def set_path(self, path: str) -> None:
        """Have KFP take the file from another path than that of the address."""
        self.custom_path = path

    @property
    def local_path(self) -> str:
        """Where steps find what is at the address."""
        if self.uri.startswith("oci://"):
            return f"/oci/{self.uri[6:].replace('/', '_')}{self.in_image}"
        return re.sub("^(gs|minio|s3)://", lambda found: PATHS[found[0]], self.uri)

    @classmethod
    def from_kfp(cls, told: Mapping[str, Any]) -> "Artifact":
        """Return an input artifact as its maker published it, from what KFP tells of it."""
        name, uri, given = told.get("name", ""), told.get("uri", ""), told.get("metadata", {})
        metadata = {key: value for key, value in given.items() if key not in OWN}
        for key, value in metadata.items():
            match value:
                case {"list": list(inner)} | {"struct": dict(inner)} if len(value) == 1:
                    metadata[key] = inner
        output = uri.rpartition("/")[2]  # an address ends with the name of its output
        title = metadata.get("display_name", output)
        if title == output:  # KFP's
            metadata.pop("display_name", None)
        metadata = fitted("metadata", dict, metadata, InputError)
        artifact = cls(title if name.isdecimal() else name, uri, metadata)  # KFP's is a number
        if given.get("_kfp_workspace") is True:
            artifact.custom_path = f"/kfp-workspace/.artifacts/{artifact.path.lstrip('/')}"
        return artifact


class Dataset(Artifact):
    """A data set."""


class HTML(Artifact):
    """A page."""


class Markdown(Artifact):
    """A text in Markdown."""


class Model(Artifact):
    """A model."""

    in_image = "/models"

    @property
    def framework(self) -> str:
        """What it was made with: ``metadata["framework"]``."""
        return str(self.metadata.get("framework", ""))

    @framework.setter
    def framework(self, framework: str) -> None:
        self.metadata["framework"] = framework


class Metrics(Artifact):
    """Numbers by name, of which KFP keeps six decimals."""

    def log_metric(self, metric: str, value: float) -> None:
        """Add a number."""
        self.metadata[metric] = plain(metric, plain(f"{self.name}: {metric}", value, float))


class ClassificationMetrics(Artifact):
    """A confusion matrix, a ROC curve, or both."""

    def log_roc_data_point(self, fpr: float, tpr: float, threshold: float) -> None:
        """Add a point to the ROC curve: both rates are from 0 to 1."""
        if not (0 <= fpr <= 1 and 0 <= tpr <= 1):
            raise OutputError(f"{self.name}: {fpr} and {tpr} are no rates, which are from 0 to 1")
        point = {"confidenceThreshold": threshold, "recall": tpr, "falsePositiveRate": fpr}
        self.metadata.setdefault("confidenceMetrics", []).append(plain(self.name, point))

    def log_roc_curve(self, fpr: Any, tpr: Any, threshold: Any) -> None:
        """Add a ROC curve; scikit-learn's first threshold, infinity, becomes 1 or the next one."""
        lengths = len(fpr), len(tpr), len(threshold)
        if len({*lengths}) > 1:
            raise OutputError("{}: a ROC curve of {}, {} and {} values".format(self.name, *lengths))
        highest = max([1.0, *(value for value in threshold if value < math.inf)])
        for false, true, value in zip(fpr, tpr, threshold, strict=True):
            self.log_roc_data_point(false, true, min(value, highest))

    def set_confusion_matrix_categories(self, categories: Sequence[str]) -> None:
        """Begin a confusion matrix, of zeros."""
        names = [str(name) for name in plain(self.name, categories)]
        rows = [{"row": [0] * len(names)} for _ in names]
        specs = [{"displayName": name} for name in names]
        self.metadata["confusionMatrix"] = {"annotationSpecs": specs, "rows": rows}

    def log_confusion_matrix_row(self, row_category: str, row: Sequence[float]) -> None:
        """Set how often each category was found where one is true."""
        counts = plain(self.name, plain(self.name, row, list[float]))
        rows = self.metadata["confusionMatrix"]["rows"]
        if len(counts) != len(rows) or min(counts, default=0) < 0:
            raise OutputError(f"{self.name}: {short(row)} is no row: give {len(rows)} counts")
        rows[self._at(row_category)]["row"] = counts

    def log_confusion_matrix_cell(self, row_category: str, col_category: str, value: int) -> None:
        """Set how often one category was found where another is true."""
        row = self.metadata["confusionMatrix"]["rows"][self._at(row_category)]["row"]
        row[self._at(col_category)] = plain(self.name, value)

    def log_confusion_matrix(self, categories: Any, matrix: Any) -> None:
        """Set a confusion matrix: a row for each true category."""
        self.set_confusion_matrix_categories(categories)
        if len(matrix) != len(categories):
            what = f"a confusion matrix of {len(matrix)} rows: give {len(categories)}"
            raise OutputError(f"{self.name}: {what}")
        for category, row in zip(categories, matrix, strict=True):
            self.log_confusion_matrix_row(category, row)

    def _at(self, category: object) -> int:
        specs = self.metadata["confusionMatrix"]["annotationSpecs"]
        names = [spec["displayName"] for spec in specs]
        if str(category) not in names:
            raise OutputError(f"{self.name}: {short(category)} is no category: {', '.join(names)}")
        return names.index(str(category))


class SlicedClassificationMetrics(Artifact):
    """Classification metrics of several slices of the data: each method takes the slice first."""

    def _log(self, method: str, slice: str, *args: Any, **kwargs: Any) -> None:
        getattr(self.of(slice), method)(*args, **kwargs)

    set_confusion_matrix_categories = partialmethod(_log, "set_confusion_matrix_categories")
    log_confusion_matrix_row = partialmethod(_log, "log_confusion_matrix_row")
    log_confusion_matrix_cell = partialmethod(_log, "log_confusion_matrix_cell")
    load_confusion_matrix = partialmethod(_log, "log_confusion_matrix")

    def log_roc_reading(self, slice: str, threshold: float, tpr: float, fpr: float) -> None:
        """Add a point to a slice's ROC curve."""
        self.of(slice).log_roc_data_point(fpr, tpr, threshold)

    def load_roc_readings(self, slice: str, readings: Sequence[Sequence[float]]) -> None:
        """Add points to a slice's ROC curve: threshold, true and false positive rate of each."""
        for reading in readings:
            self.log_roc_reading(slice, *reading)

    def of(self, slice: str) -> ClassificationMetrics:
        """Return what writes the metrics of one slice."""
        slices = self.metadata.setdefault("evaluationSlices", [])
        known = {each["slice"]: each["sliceClassificationMetrics"] for each in slices}
        if slice not in known:
            known[slice] = {}
            slices.append({"slice": slice, "sliceClassificationMetrics": known[slice]})
        return ClassificationMetrics(f"{self.name}: {slice}", metadata=known[slice])


FIGURES = (Metrics, ClassificationMetrics, SlicedClassificationMetrics)  # need no file


def to_publish(artifact: Artifact) -> dict[str, Any]:
    """Return an artifact's metadata as JSON has them; raises OutputError for what would not come back."""
    found: dict[str, Any] = plain(artifact.name, artifact.metadata)
    error = 1 if isinstance(artifact, Metrics) else 0.01  # a number's, when it is rounded
    for key, value in found.items():
        what = f"{artifact.name}: {key} is"
        if key in OWN:
            raise OutputError(f"{what} a name that KFP needs for itself: choose another")
        if value is None:
            raise OutputError(f"{what} None, which KFP does not take: leave it out")
        if isinstance(value, float) and not math.isclose(value, round(value, 6), rel_tol=error):
            lost = "of which KFP keeps six decimals: put it into a list, which keeps all"
            raise OutputError(f"{what} {value}, {lost}")
    return found
