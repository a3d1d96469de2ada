"""Where a project came from: addresses without logins, and the commit as git has it."""

import subprocess
from pathlib import Path

import pytest

import kfp_workbench
from kfp_workbench.scaffold import origin


@pytest.mark.parametrize(
    ("given", "noted"),
    [
        ("https://github.com/team/template", "https://github.com/team/template"),
        ("https://github.com:8443/team/template.git", "https://github.com:8443/team/template.git"),
        ("https://me:s3cret@host/t.git", "https://host/t.git"),
        ("https://ghp_token@host/t.git", "https://host/t.git"),
        ("https://a@b:s3cret@host/t.git", "https://host/t.git"),
        ("https://host/t.git?private_token=s3cret#s3cret", "https://host/t.git"),
        ("ssh://git@host:22/team/t.git", "ssh://git@host:22/team/t.git"),
        ("ssh://git:s3cret@host/t.git", "ssh://host/t.git"),
        ("git+https://me:s3cret@host/t.git", "git+https://host/t.git"),
        ("git@github.com:team/t.git", "git@github.com:team/t.git"),
        ("gh:team/template", "gh:team/template"),
        ("https://me:s3c/ret@host/t.git", ""),
        ("https://me:s3c?ret@host/t.git", "https://host/t.git"),
        ("https://host/template.zip", "https://host/template.zip"),
        (".", ""),
        ("/home/me/template", ""),
        ("file:///home/me/template", ""),
        ("me:s3cret@host/x", ""),
    ],
)
def test_an_address_has_no_login(given: str, noted: str, tmp_path: Path) -> None:
    assert origin.read(given, tmp_path) == (noted, "", kfp_workbench.__version__)


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    command = ["git", *identity, *words]
    result = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return result.stdout.strip()


def test_the_commit_is_what_git_says(tmp_path: Path) -> None:
    """On a branch, packed or not, on none, and in a work tree beside the repository."""
    repository = tmp_path / "repository"
    repository.mkdir()
    assert origin.read(".", repository).commit == ""
    git(repository, "init", "--quiet")
    assert origin.read(".", repository).commit == "", "there is none yet"
    git(repository, "commit", "--allow-empty", "--message", "one")
    git(repository, "checkout", "--quiet", "-b", "team/next")
    git(repository, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "tree"))
    git(tmp_path / "tree", "commit", "--allow-empty", "--message", "two")
    states = (["pack-refs", "--all"], ["checkout", "--quiet", "--detach"], ["checkout", "main"])
    for words in (["status"], *states):
        git(repository, *words)
        for folder in (repository, tmp_path / "tree"):
            assert origin.read(".", folder).commit == git(folder, "rev-parse", "HEAD"), words
