"""Models in images: taken out by an engine, once, and shown to a task; refused without one."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import engines, provision
from kfp_workbench.local.importer import takes_image
from kfp_workbench.local.models import Models
from kfp_workbench.local.places import Place
from kfp_workbench.local.processes import ProcessRunner
from kfp_workbench.local.store import Store, StoreError
from kfp_workbench.project import settings
from shared.flows import Maker

unpacks = pytest.mark.skipif(
    not hasattr(tarfile, "data_filter"), reason="this Python cannot unpack an image safely"
)
URI = "oci://registry.example/models/bert:1"
PATH = "/oci/registry.example_models_bert:1/models"  # as KFP's LocalPathForURI has it


class Image:
    """An engine's client with one image, and the container that is made of it."""

    def __init__(self, files: dict[str, str], *, shell: bool = True) -> None:
        self.files, self.shell, self.removed = files, shell, False
        self.containers = self

    def create(self, image: str, command: list[str]) -> "Image":
        return self

    def get_archive(self, path: str) -> tuple[Iterator[bytes], dict[str, Any]]:
        if path == "/bin/sh" and not self.shell:
            raise docker.errors.NotFound("no /bin/sh")
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            folder = tarfile.TarInfo("models")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
            for name, text in self.files.items():
                info = tarfile.TarInfo(f"models/{name}")
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
        return iter([stream.getvalue()]), {}

    def remove(self, force: bool) -> None:
        self.removed = True


def test_a_task_sees_a_copy_at_the_path_of_a_cluster(tmp_path: Path) -> None:
    store = Store(None)
    store.models = Models(Maker(), tmp_path / "images").get
    for number in range(2):
        place = Place(tmp_path / str(number), tmp_path / "w", True)
        assert store.fetch(URI, PATH, place) is None
        seen = tmp_path / str(number) / PATH.lstrip("/") / "model.bin"
        assert seen.read_text() == "registry.example/models/bert:1"
        seen.write_text("changed")


def test_a_process_cannot_have_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="use RUNNER=docker"):
        Models(ProcessRunner({}), tmp_path).get(URI)


def test_one_that_was_taken_in_half_is_taken_again(tmp_path: Path) -> None:
    class Failing(Maker):
        def take_models(self, image: str, folder: Path) -> None:
            super().take_models(image, folder)
            if not (tmp_path / "failed").exists():
                (tmp_path / "failed").touch()
                raise WorkbenchError("no space left")
            (folder / "models" / "rest.bin").touch()

    models = Models(Failing(), tmp_path / "images")
    with pytest.raises(StoreError, match="no space left"):
        models.get(URI)
    assert sorted(path.name for path in models.get(URI).iterdir()) == ["model.bin", "rest.bin"]


def test_that_is_said_before_anything_starts(
    default: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = settings.load(default, environ={})
    wanted = provision.Wanted({}, {}, project, default, [("importer", URI)])
    with pytest.raises(WorkbenchError) as caught:
        provision.provide("process", wanted, run_id="x", say=print)
    assert caught.value.status == 2
    assert f"importer: {URI} is an image" in f"{caught.value}{capsys.readouterr().err}"


def test_a_python_that_cannot_unpack_safely_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    with pytest.raises(WorkbenchError, match=r"^Python 3\.\S+ cannot unpack the image x safely: "):
        engines.take_models(Image({"a.txt": "a"}), "x", tmp_path)


@unpacks
def test_what_is_in_an_image_is_taken_out(tmp_path: Path) -> None:
    client = Image({"a.txt": "a"})
    engines.take_models(client, "x", tmp_path)
    assert (tmp_path / "models" / "a.txt").read_text() == "a"
    assert client.removed


@unpacks
@pytest.mark.parametrize(
    ("image", "words"),
    [(Image({}), "its /models is empty"), (Image({"a": "a"}, shell=False), "no /bin/sh")],
    ids=["empty", "no-shell"],
)
def test_an_image_that_a_cluster_could_not_show_is_told(
    tmp_path: Path, image: Image, words: str
) -> None:
    with pytest.raises(WorkbenchError, match=words):
        engines.take_models(image, "x", tmp_path)
    assert image.removed


@pytest.mark.parametrize(
    ("importer", "takes"),
    [
        ({"typeSchema": {"schemaTitle": "system.Model"}}, True),
        ({"typeSchema": {"schemaTitle": "system.Model"}, "downloadToWorkspace": True}, False),
        ({"typeSchema": {"schemaTitle": "system.Dataset"}}, False),  # there, its importer fails
    ],
)
def test_only_models_are_taken_from_images(importer: dict[str, Any], takes: bool) -> None:
    assert takes_image(importer) == takes
