"""`make manifest`: the compiled pipeline as Kubernetes resources."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import bake, compile_here, make
from google.protobuf import json_format
from kfp.compiler import Compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions
from kfp.components import load_component_from_file
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

from ops import manifest, settings, steps
from ops.errors import OpsError

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # at most 63
SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
UNPINNED = {"ALLOW_UNPINNED": "1"}


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = bake(tmp_path_factory.mktemp("manifest"), project_name='Über "Average"')
    (project / "kubernetes.yaml").write_text("add: {memory: 1Gi, timeout: 1h}\n")
    compile_here(project)
    return project


@pytest.fixture
def project(baked: Path, tmp_path: Path) -> Path:
    """Return a project that is compiled, for the test alone."""
    return shutil.copytree(baked, tmp_path / "project")


def write(project: Path, **environ: str) -> tuple[manifest.Manifest, list[Any]]:
    """Write a manifest; returns what that says, and the resources."""
    package = project / "build" / "pipeline.yaml"
    written = manifest.write_manifest(package, settings.load(project, environ), project)
    text = (project / written.manifest).read_text(encoding="utf-8")
    return written, list(yaml.safe_load_all(text))


def test_a_pipeline_and_its_version_are_written(project: Path) -> None:
    package = project / "build" / "pipeline.yaml"
    written, (pipeline, version) = write(project)
    spec, platform = steps.read_documents(package)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()[:16]
    assert written == manifest.Manifest(
        "build/pipeline-manifest.yaml",
        None,
        "uber-average",
        f"uber-average-{digest}",
    )
    assert pipeline == {
        "apiVersion": "pipelines.kubeflow.org/v2beta1",
        "kind": "Pipeline",
        "metadata": {"name": "uber-average"},
        "spec": {
            "displayName": 'Über "Average"',
            "description": "Calculates the average of a list of numbers",
        },
    }
    assert version == {
        "apiVersion": "pipelines.kubeflow.org/v2beta1",
        "kind": "PipelineVersion",
        "metadata": {"name": written.version},
        "spec": {
            "displayName": written.version,
            "description": "Calculates the average of a list of numbers",
            "pipelineName": "uber-average",
            "pipelineSpec": spec,
            "platformSpec": platform,
        },
    }
    json_format.ParseDict(version["spec"]["pipelineSpec"], PipelineSpec())
    json_format.ParseDict(version["spec"]["platformSpec"], PlatformSpec())


def test_the_structure_is_what_kfp_itself_writes(project: Path, tmp_path: Path) -> None:
    """A release of kfp that changes it is to be found here."""
    theirs = tmp_path / "theirs.yaml"
    Compiler().compile(
        load_component_from_file(str(project / "build" / "pipeline.yaml")),
        str(theirs),
        kubernetes_manifest_format=True,
        kubernetes_manifest_options=KubernetesManifestOptions(
            include_pipeline_manifest=True, namespace="team-a"
        ),
    )
    _, ours = write(project, KFP_NAMESPACE="team-a")
    for mine, other in zip(ours, yaml.safe_load_all(theirs.read_text()), strict=True):
        assert mine.keys() == other.keys()
        assert (mine["kind"], mine["apiVersion"]) == (other["kind"], other["apiVersion"])
        assert mine["metadata"].keys() == other["metadata"].keys()
        assert mine["spec"].keys() == other["spec"].keys()


def test_the_same_pipeline_gives_the_same_bytes_and_another_another_name(project: Path) -> None:
    first, _ = write(project)
    before = (project / first.manifest).read_bytes()
    again, _ = write(project)
    assert again == first and (project / first.manifest).read_bytes() == before
    (project / "kubernetes.yaml").unlink()
    compile_here(project)
    other, (_, version) = write(project)
    assert other.version != first.version and other.pipeline == first.pipeline
    configs = version["spec"]["platformSpec"]["platforms"]["kubernetes"]["deploymentSpec"]
    assert "activeDeadlineSeconds" not in configs["executors"]["exec-add"]
    assert not list((project / "build").glob(".manifest-*"))


def test_the_namespace_is_that_of_the_settings(project: Path) -> None:
    written, resources = write(project, KFP_NAMESPACE="team-a")
    assert written.namespace == "team-a"
    assert [resource["metadata"]["namespace"] for resource in resources] == ["team-a", "team-a"]


def test_make_manifest_goes_by_the_settings_of_the_environment(project: Path) -> None:
    (project / "params" / "prod.yaml").write_text(
        "context: {}\n.settings: {namespace: team-a, caching: false}\n"
    )
    before = (project / "build" / "pipeline.yaml").read_bytes()
    names = []
    for env, namespace, caching in (("dev", None, {"enableCache": True}), ("prod", "team-a", {})):
        result = make(project, "manifest", env={**UNPINNED, "ENV": env})
        assert result.returncode == 0, result.stderr
        written = json.loads(result.stdout)
        assert written["namespace"] == namespace
        pipeline, version = yaml.safe_load_all((project / written["manifest"]).read_text())
        assert pipeline["metadata"].get("namespace") == namespace
        tasks = version["spec"]["pipelineSpec"]["root"]["dag"]["tasks"]
        assert [task["cachingOptions"] for task in tasks.values()] == [caching, caching]
        names.append(written["version"])
    assert len(set(names)) == 2, "a version cannot be changed"
    assert (project / "build" / "pipeline.yaml").read_bytes() == before


@pytest.mark.parametrize("namespace", ["Team", "a_b", "a.b", "-a", "x" * 64, "a\nb", "../a"])
def test_a_namespace_that_kubernetes_does_not_take_is_refused(
    project: Path, namespace: str
) -> None:
    with pytest.raises(OpsError) as caught:
        write(project, KFP_NAMESPACE=namespace)
    assert str(caught.value).startswith("KFP_NAMESPACE: ") and str(caught.value).isprintable()
    assert "not a valid name" in str(caught.value) or "use at most 63" in str(caught.value)
    assert caught.value.status == 2


@pytest.mark.parametrize(("name", "fits"), [("a", True), ("x" * 63, True), ("x" * 64, False)])
def test_names_are_those_that_kubernetes_takes(project: Path, name: str, fits: bool) -> None:
    """The pipeline's name is a label's value, too, which has at most 63 characters."""
    module = project / "pipeline.py"
    module.write_text(module.read_text().replace('name="uber-average"', f'name="{name}"'))
    compile_here(project)
    if not fits:
        with pytest.raises(
            OpsError, match=r"pipeline\.py: the pipeline .* is no name: use at most"
        ):
            write(project)
        return
    written, resources = write(project)
    assert LABEL.fullmatch(written.pipeline) and SUBDOMAIN.fullmatch(written.version)
    assert len(written.version) <= 63 + 17
    assert [resource["metadata"]["name"] for resource in resources] == [name, written.version]


def test_large_ones_come_with_a_hint(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(manifest, "MAX_ANNOTATION", 1000)
    write(project)
    assert "bytes: kubectl apply needs --server-side for it" in capsys.readouterr().err


def test_make_manifest_prints_one_object_and_refuses_what_is_not_pushed(project: Path) -> None:
    result = make(project, "manifest")
    assert result.returncode != 0 and result.stdout == ""
    assert "error: build/pipeline.yaml: 2 images do not fit, see above" in result.stderr
    assert "steps/add was not pushed from here: make push" in result.stderr
    assert not (project / "build" / "pipeline-manifest.yaml").exists()
    result = make(project, "manifest", env={**UNPINNED, "KFP_NAMESPACE": "team-a"})
    assert result.returncode == 0, result.stderr
    written = json.loads(result.stdout)
    assert written["manifest"] == "build/pipeline-manifest.yaml"
    assert written["namespace"] == "team-a" and written["pipeline"] == "uber-average"
    last = result.stderr.splitlines()[-1]
    assert last == f"wrote build/pipeline-manifest.yaml: the version {written['version']}"
