"""What a container leaves is taken from its own folders alone: no link leads to this machine's files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from kfp_workbench.local import bounds, importer, outputs
from kfp_workbench.local.artifacts import RuntimeArtifact
from kfp_workbench.local.driver import Begun, Outputs
from kfp_workbench.local.executor_input import ExecutorInput
from kfp_workbench.local.inputs import Inputs
from kfp_workbench.local.launcher import Launcher
from kfp_workbench.local.metadata import Artifact, Execution
from kfp_workbench.local.outputs import OutputError
from kfp_workbench.local.places import Place
from kfp_workbench.local.spec import Component
from kfp_workbench.local.store import Store

ROOT = "minio://mlpipeline/v2/artifacts/p/r/"
COMPONENT = Component("comp-make", {}, {}, {"x": "STRING"}, {})
TYPE = {"schemaTitle": "system.Dataset"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    secret = tmp_path / "home" / "secret"
    secret.parent.mkdir()
    secret.write_text("of this machine", encoding="utf-8")
    root = f"/{ROOT.replace('://', '/').rstrip('/')}"
    return Place(tmp_path / "run" / "task", tmp_path / "run" / "kfp-workspace", True, root)


def given(place: Place) -> ExecutorInput:
    made = {"d": [RuntimeArtifact("d", f"{ROOT}make/d", TYPE)]}
    found = ExecutorInput({}, {}, {"x": "/tmp/kfp/outputs/x"}, made, "/tmp/kfp/outputs/out.json")
    outputs.prepare(found, place)
    return found


def home(place: Place) -> Path:
    return place.folder.parents[1] / "home"


@pytest.mark.parametrize("to", ["secret", ".", "nowhere"])
def test_a_parameter_is_no_file_of_this_machine(place: Place, to: str) -> None:
    asked = given(place)
    place.host("/tmp/kfp/outputs/x").symlink_to(home(place) / to)
    with pytest.raises(bounds.OutsideError, match="x of its container leads to"):
        outputs.parameters(asked, place, COMPONENT, outputs.told(asked, place))


def test_what_is_published_is_no_file_of_this_machine(place: Place) -> None:
    asked = given(place)
    place.host("/tmp/kfp/outputs/out.json").symlink_to(home(place) / "secret")
    with pytest.raises(bounds.OutsideError):
        outputs.told(asked, place)


@pytest.mark.parametrize("deep", ["", "part", "part/of"])
def test_an_artifact_has_no_link_to_this_machine(place: Place, deep: str) -> None:
    asked = given(place)
    link = place.host(f"{place.root}/make/d/{deep}".rstrip("/"))
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(home(place))
    with pytest.raises(bounds.OutsideError):
        outputs.file_of(asked.output_artifacts["d"][0], place)


@pytest.mark.parametrize("key", ["customPath", "uri"])
def test_an_artifact_is_at_no_path_that_leads_out(place: Place, key: str) -> None:
    asked = given(place)
    up = "../" * 20 + str(home(place) / "secret")
    told = {"customPath": f"/tmp/kfp/{up}", "uri": f"{ROOT}{up}"}
    text = {"artifacts": {"d": {"artifacts": [{"name": "d", "uri": f"{ROOT}d", key: told[key]}]}}}
    place.host(asked.output_file).write_text(json.dumps(text), encoding="utf-8")
    published = outputs.told(asked, place)
    made = outputs.artifacts(asked.output_artifacts, place, published, ROOT)
    with pytest.raises(bounds.OutsideError):
        outputs.file_of(made["d"], place)


def test_a_link_within_what_is_left_may_stay(place: Place) -> None:
    asked = given(place)
    place.host("/tmp/kfp/outputs/y").write_text("its own", encoding="utf-8")
    place.host("/tmp/kfp/outputs/x").symlink_to("y")
    assert outputs.parameters(asked, place, COMPONENT, outputs.told(asked, place)) == {
        "x": "its own"
    }


def test_a_link_that_leads_to_itself_is_one_line(place: Place) -> None:
    asked = given(place)
    place.host("/tmp/kfp/outputs/x").symlink_to("x")
    with pytest.raises(OutputError, match="its output x cannot be read"):
        outputs.parameters(asked, place, COMPONENT, outputs.told(asked, place))


@pytest.mark.parametrize("kind", ["parameter", "artifact"])
def test_no_folder_is_made_outside_for_an_output(place: Place, kind: str) -> None:
    up = "../" * 20 + str(home(place) / "new" / "x")
    files = {"x": f"/tmp/kfp/outputs/{up}"} if kind == "parameter" else {}
    made = {"d": [RuntimeArtifact("d", f"{ROOT}{up}", TYPE)]} if kind == "artifact" else {}
    asked = ExecutorInput({}, {}, files, made, "/tmp/kfp/outputs/out.json")
    with pytest.raises(bounds.OutsideError):
        outputs.prepare(asked, place)
    assert not (home(place) / "new").exists()


def test_nothing_is_imported_through_a_link(place: Place) -> None:
    objects = place.folder.parents[1] / "objects"
    (objects / "gcs" / "b").mkdir(parents=True)
    (objects / "gcs" / "b" / "a").write_text("theirs", encoding="utf-8")
    (place.workspace / ".artifacts").mkdir(parents=True)
    (place.workspace / ".artifacts" / "gcs").symlink_to(home(place))
    with pytest.raises(importer.ImporterError, match="a of its container leads to"):
        importer.fetch(Artifact(1, "gs://b/a", "system.Dataset", {}), Store(objects), place)
    assert [path.name for path in home(place).iterdir()] == ["secret"]


def test_no_file_of_this_machine_is_removed_with_a_containers_own(place: Place) -> None:
    data = place.folder.parent / "data"
    data.parent.mkdir()
    data.write_text("made by another", encoding="utf-8")
    store = Store(None)
    store.keep(f"{ROOT}x/secret", data)
    taken = Inputs({}, {"d": [Artifact(1, f"{ROOT}x/secret", "system.Dataset", {})]})
    made = Outputs({}, {}, "/tmp/kfp/outputs/out.json")
    begun = Begun(Execution(1, "container", "add", 0), taken, outputs=made)
    begun.command = ["add"]

    def run(words: Sequence[str], env: Mapping[str, str], here: Place, shared: object) -> int:
        folder = here.host(f"{here.root}/x")
        (folder / "secret").unlink()
        folder.rmdir()
        folder.symlink_to(home(place))
        return 0

    component = Component("comp-add", {}, {}, {}, {})
    Launcher(store, ROOT).launch(begun, component, {}, place, 0, run)
    assert (home(place) / "secret").read_text(encoding="utf-8") == "of this machine"
