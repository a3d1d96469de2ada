"""What an importer puts into the workspace of a run is there for the tasks that take it."""

import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from kfp_workbench.local.execution import Run, Setting
from kfp_workbench.local.runners import Job, Write
from shared.flows import Maker

URI = "gs://bucket/data"
DATASET = {"artifactType": {"schemaTitle": "system.Dataset"}}
IMPORTER = {
    "artifactUri": {"constant": URI},
    "typeSchema": DATASET["artifactType"],
    "downloadToWorkspace": True,
}
TAKES = {"taskOutputArtifact": {"producerTask": "import", "outputArtifactKey": "artifact"}}
READ = {"image": "x", "command": ["read"], "args": ["{{$}}", "{{$.inputs.artifacts['data'].path}}"]}
DOCUMENTS: list[Any] = [
    {
        "pipelineInfo": {"name": "flow"},
        "components": {
            "import": {
                "executorLabel": "i",
                "outputDefinitions": {"artifacts": {"artifact": DATASET}},
            },
            "read": {"executorLabel": "r", "inputDefinitions": {"artifacts": {"data": DATASET}}},
        },
        "deploymentSpec": {"executors": {"i": {"importer": IMPORTER}, "r": {"container": READ}}},
        "root": {
            "dag": {
                "tasks": {
                    "import": {"componentRef": {"name": "import"}},
                    "read": {
                        "componentRef": {"name": "read"},
                        "inputs": {"artifacts": {"data": TAKES}},
                    },
                }
            }
        },
    },
    {"platforms": {"kubernetes": {"pipelineConfig": {"workspace": {"size": "1Gi"}}}}},
]


class Reader(Maker):
    """Reads what the workspace has at the path of its input, and notes what it was told of it."""

    def __init__(self, *, is_rooted: bool) -> None:
        super().__init__()
        self.is_rooted = is_rooted

    def run(self, job: Job, write: Write, stop: Event) -> int:
        """Run a job."""
        said, path = json.loads(job.command[1]), job.command[2]
        (self.given,) = said["inputs"]["artifacts"]["data"]["artifacts"]
        self.path, here = path, job.place.host(path) if self.is_rooted else Path(path)
        self.content = (here / "deep" / "file").read_text()
        return 0


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    folder = tmp_path / "objects" / "gcs" / "bucket" / "data" / "deep"
    folder.mkdir(parents=True)
    (folder / "file").write_text("content")
    return tmp_path / "objects"


@pytest.mark.parametrize("is_rooted", [False, True], ids=["process", "container"])
def test_an_import_into_the_workspace_is_read_there(
    tmp_path: Path, objects: Path, is_rooted: bool
) -> None:
    (run := tmp_path / "run").mkdir()
    reader = Reader(is_rooted=is_rooted)
    noted = Run(DOCUMENTS, {}, Setting(run, reader, objects=objects)).execute()
    assert (noted.state, reader.content) == ("succeeded", "content")
    within = ".artifacts/gcs/bucket/data"
    if is_rooted:
        assert (reader.path, reader.given["uri"]) == (f"/kfp-workspace/{within}", URI)
        assert reader.given["metadata"]["_kfp_workspace"] is True
    else:
        assert reader.path == reader.given["uri"] == str(run / "kfp-workspace" / within)
