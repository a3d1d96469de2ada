"""The object store of local runs: a task's copy is its own, and what is shared is watched."""

from pathlib import Path

import pytest

from kfp_workbench.local import store as stores
from kfp_workbench.local.places import Place
from kfp_workbench.local.store import Store, StoreError

URI = "minio://mlpipeline/v2/artifacts/p/r/make/1/a"
PATH = "/minio/mlpipeline/v2/artifacts/p/r/make/1/a"


def place(folder: Path, *, is_rooted: bool = False) -> Place:
    return Place(folder / "task", folder / "kfp-workspace", is_rooted, PATH.rsplit("/make", 1)[0])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a folder that a task has made."""
    folder = tmp_path / "made"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").write_text("content")
    (tmp_path / "made.sibling").write_text("of the task's own")
    return folder


def test_a_task_gets_a_copy_of_its_own(tmp_path: Path, made: Path) -> None:
    store, here = Store(None), place(tmp_path)
    store.keep(URI, made)
    assert store.fetch(URI, PATH, here) is None
    copy = here.host(PATH)
    assert copy == tmp_path / "task" / "artifacts" / "make" / "1" / "a"
    (copy / "deep" / "file").write_text("changed")
    assert (made / "deep" / "file").read_text() == "content"
    assert [path.name for path in copy.parent.iterdir()] == ["a"], "and no sibling"
    stores.discard(copy)
    assert not copy.exists() and made.exists()


@pytest.mark.parametrize("is_rooted", [False, True])
def test_what_is_large_is_shared_and_watched(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch, is_rooted: bool
) -> None:
    monkeypatch.setattr(stores, "LARGE", 3)
    monkeypatch.setattr(stores, "_cloned", lambda source, target: False)
    store, here = Store(None), place(tmp_path, is_rooted=is_rooted)
    store.keep(URI, made)
    shared = store.fetch(URI, PATH, here)
    assert shared is not None and (shared.path, shared.seen) == (made, PATH)
    assert here.host(PATH).is_symlink() is not is_rooted, "a container is handed it by its runner"
    stores.check([shared])
    (made / "deep" / "file").write_text("changed!")
    with pytest.raises(StoreError, match="has changed an artifact that others share"):
        stores.check([shared])
    stores.discard(here.host(PATH))
    assert made.exists()


@pytest.mark.parametrize("is_rooted", [False, True])
def test_a_large_file_is_shared_where_it_cannot_be_cloned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_rooted: bool
) -> None:
    def fails(*arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(stores, "LARGE", 3)
    monkeypatch.setattr("fcntl.ioctl", fails)
    (tmp_path / "file").write_text("content")
    store, here = Store(None), place(tmp_path, is_rooted=is_rooted)
    store.keep(URI, tmp_path / "file")
    assert store.fetch(URI, PATH, here) is not None
    assert here.host(PATH).is_symlink() is not is_rooted
    assert here.host(PATH).exists() is not is_rooted


def test_what_is_discarded_is_the_tasks_own(tmp_path: Path, made: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(made)
    for name in ("file", "link", "nothing"):
        stores.discard(tmp_path / name)
        assert not (tmp_path / name).exists()
    assert (made / "deep" / "file").exists()


def test_what_was_never_written_is_nothing(tmp_path: Path) -> None:
    store, here = Store(None), place(tmp_path)
    store.keep(URI, tmp_path / "nothing")
    assert store.fetch(URI, PATH, here) is None and not here.host(PATH).exists()


def test_what_was_there_and_is_not_is_no_nothing(tmp_path: Path, made: Path) -> None:
    store, here = Store(None), place(tmp_path)
    store.keep(URI, made)
    made.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="/made is not there any more"):
        store.fetch(URI, PATH, here)


def test_a_folder_stands_for_a_bucket(tmp_path: Path) -> None:
    bucket = tmp_path / "objects" / "minio" / "mlpipeline"
    bucket.mkdir(parents=True)
    (bucket / "a.csv").write_text("a")
    (tmp_path / "secret").write_text("s3cret")
    (bucket / "link").symlink_to(tmp_path / "secret")
    store = Store(tmp_path / "objects")
    assert store.file("minio://mlpipeline/a.csv") == bucket / "a.csv"
    for missing in ("b.csv", "../../secret", "link", "a\0b", "x" * 300):
        assert store.file(f"minio://mlpipeline/{missing}") is None


def test_only_what_is_in_a_bucket_is_imported(tmp_path: Path, made: Path) -> None:
    (tmp_path / "objects" / "gcs" / "bucket").mkdir(parents=True)
    (tmp_path / "objects" / "gcs" / "bucket" / "a").write_text("a")
    store = Store(tmp_path / "objects")
    store.models = lambda uri: made  # an engine would be asked for it
    store.keep(URI, made)
    found = {
        uri for uri in ("gs://bucket/a", "gs://other/a", "oci://image", URI) if store.imported(uri)
    }
    assert found == {"gs://bucket/a"}


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("gs://bucket/a.csv", "not on this machine: put it into objects/gcs/bucket/a.csv"),
        ("s3://bucket/a.csv", "not on this machine: put it into objects/s3/bucket/a.csv"),
        ("minio://mlpipeline/a.csv", "not on this machine"),
        ("minio://other/a.csv", "in a bucket that a default install of KFP cannot read"),
        ("minio://mlpipeline/", "is a bucket as a whole"),
        ("gs://mine", "is a bucket as a whole"),
    ],
)
def test_what_nobody_can_know_is_no_nothing(tmp_path: Path, uri: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        Store(tmp_path / "objects").file(uri)
