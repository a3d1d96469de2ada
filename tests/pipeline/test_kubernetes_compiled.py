"""`kubernetes.yaml`: what is right arrives in the compiled pipeline."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineDeploymentConfig, PlatformSpec

from kfp_workbench import check
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.pipeline.kubernetes import applying, schema
from kfp_workbench.project import params, steps
from kfp_workbench.project.sources import Sources
from servers.kfp_server import kfp_server
from shared.baking import bake, compile_here, compiled, environment, make
from shared.kubernetes_file import ALL, wrong
from shared.manual import blocks, page

# What is compiled


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with the steps load and train; train runs twice."""
    folder = tmp_path_factory.mktemp("kubernetes")
    project = bake(folder, starter="blank", steps="load, train", project_slug="k8s")
    pipeline = project / "pipeline.py"
    twice = "    again = train(context=train_task.output)\n    return again.output\n"
    text = pipeline.read_text().replace("    return train_task.output\n", twice)
    assert "again" in text
    pipeline.write_text(text)
    return project


@pytest.fixture
def project(baked: Path, tmp_path: Path) -> Path:
    """Return a copy of that project, for the test alone."""
    return shutil.copytree(baked, tmp_path / "project")


NON_ROOT = json_format.ParseDict(
    {"securityContext": {"runAsNonRoot": True}}, KubernetesExecutorConfig()
)


class Task:
    """One task of a compiled pipeline, by kfp's own classes."""

    def __init__(self, project: Path, name: str) -> None:
        documents = steps.read_documents(project / "build" / "pipeline.yaml")
        deployment = json_format.ParseDict(
            documents[0]["deploymentSpec"], PipelineDeploymentConfig()
        )
        self.container = deployment.executors[f"exec-{name}"].container
        self.task = documents[0]["root"]["dag"]["tasks"][name]
        platform = json_format.ParseDict([*documents, {}][1], PlatformSpec())
        self.platforms = list(platform.platforms)
        executors = platform.platforms["kubernetes"].deployment_spec.executors
        config = json_format.MessageToDict(executors[f"exec-{name}"])
        self.config = json_format.ParseDict(config, KubernetesExecutorConfig())

    @property
    def is_plain(self) -> bool:
        """Tell whether nothing is set but that it is not root."""
        return (
            not self.container.HasField("resources")
            and not self.container.env
            and "retryPolicy" not in self.task
            and self.task["cachingOptions"] == {"enableCache": True}
            and self.config == NON_ROOT
        )


def compile_with(project: Path, text: str, name: str = "train") -> Task:
    """Compile a project with a ``kubernetes.yaml``."""
    (project / "kubernetes.yaml").write_text(text)
    compile_here(project)
    return Task(project, name)


def test_every_setting_arrives(project: Path) -> None:
    found = compile_with(project, ALL)
    resources = found.container.resources
    assert (resources.resource_cpu_request, resources.resource_cpu_limit) == ("500m", "1500m")
    assert (resources.cpu_request, resources.cpu_limit) == (0.5, 1.5)
    assert resources.resource_memory_request == resources.resource_memory_limit == "1536Mi"
    assert resources.accelerator.resource_type == "amd.com/gpu"
    assert resources.accelerator.resource_count == "2"
    assert {var.name: var.value for var in found.container.env} == {"LOG_LEVEL": "debug"}
    config = found.config
    (secret,), (config_map,) = config.secret_as_env, config.config_map_as_env
    assert (secret.secret_name, secret.key_to_env[0].secret_key) == ("database", "password")
    assert secret.key_to_env[0].env_var == "DB_PASSWORD" and not secret.optional
    assert config_map.config_map_name == "settings"
    assert config_map.key_to_env[0].config_map_key == "mode"
    (claim,), (tls,) = config.pvc_mount, config.secret_as_volume
    assert (claim.constant, claim.mount_path, claim.sub_path) == ("my-claim", "/data", "team/a")
    assert (tls.secret_name, tls.mount_path, tls.optional) == ("my-tls", "/etc/tls", False)
    assert config.config_map_as_volume[0].mount_path == "/etc/settings"
    scratch, shm = config.empty_dir_mounts
    assert (scratch.mount_path, scratch.size_limit, scratch.medium) == ("/scratch", "10Gi", "")
    assert (shm.mount_path, shm.size_limit, shm.medium) == ("/dev/shm", "", "Memory")
    assert scratch.volume_name != shm.volume_name
    assert dict(config.node_selector.labels) == {"pool": "gpu"}
    gpu, spot = config.tolerations
    assert (gpu.key, gpu.operator, gpu.effect) == ("gpu", "Exists", "NoSchedule")
    assert (spot.value, spot.toleration_seconds) == ("true", 60)
    assert config.active_deadline_seconds == 5400
    user = config.security_context
    assert (user.run_as_non_root, user.run_as_user, user.run_as_group) == (True, 1234, 2345)
    assert found.task["cachingOptions"] == {}
    assert found.task["retryPolicy"] == {
        "maxRetryCount": 3,
        "backoffDuration": "60s",
        "backoffFactor": 1.5,
        "backoffMaxDuration": "600s",
    }


def test_a_step_that_asks_for_nothing_stays_plain(project: Path) -> None:
    assert compile_with(project, ALL, "load").is_plain
    assert not compile_with(project, ALL, "train").is_plain


@pytest.mark.parametrize("text", ["", "load:\ntrain: {}\n", "train: {gpu: 0, retries: 0}\n"])
def test_without_settings_the_compiled_file_is_as_without_the_file(
    project: Path, text: str
) -> None:
    compile_with(project, text)
    with_file = (project / "build" / "pipeline.yaml").read_bytes()
    (project / "kubernetes.yaml").unlink()
    assert compile_here(project).read_bytes() == with_file
    assert Task(project, "load").is_plain and Task(project, "train").is_plain


@pytest.mark.parametrize(
    ("text", "requests", "limits"),
    [
        ("train: {cpu: 2, memory: 1Gi}", ("2", "1Gi"), ("2", "1Gi")),
        ("train: {cpu: {request: 1}, memory: {request: 1Gi}}", ("1", "1Gi"), ("", "")),
        ("train: {cpu: {limit: 1}, memory: {limit: 1Gi}}", ("", ""), ("1", "1Gi")),
    ],
)
def test_one_amount_is_both_request_and_limit(
    project: Path, text: str, requests: tuple[str, str], limits: tuple[str, str]
) -> None:
    resources = compile_with(project, text).container.resources
    assert (resources.resource_cpu_request, resources.resource_memory_request) == requests
    assert (resources.resource_cpu_limit, resources.resource_memory_limit) == limits


def test_a_bare_number_of_gpus_is_nvidias(project: Path) -> None:
    accelerator = compile_with(project, "train: {gpu: 1}").container.resources.accelerator
    assert (accelerator.resource_type, accelerator.resource_count) == ("nvidia.com/gpu", "1")


def test_retries_wait_no_less_than_they_say(project: Path) -> None:
    """KFP would cut any wait to an hour."""
    policy = compile_with(project, "train: {retries: {count: 1, wait: 2h}}").task["retryPolicy"]
    assert (policy["backoffDuration"], policy["backoffMaxDuration"]) == ("7200s", "7200s")


def test_a_task_can_differ_from_its_step(project: Path) -> None:
    text = "train: {memory: 1Gi, retries: 2}\ntrain-2: {memory: 2Gi, timeout: 1m}\n"
    first, second = compile_with(project, text), Task(project, "train-2")
    assert first.container.resources.resource_memory_limit == "1Gi"
    assert second.container.resources.resource_memory_limit == "2Gi"
    assert first.task["retryPolicy"] == second.task["retryPolicy"]
    assert (first.config.active_deadline_seconds, second.config.active_deadline_seconds) == (0, 60)


def test_a_task_that_is_not_there_is_one_line(project: Path) -> None:
    with pytest.raises(WorkbenchError) as caught:
        compile_with(project, "load: {cpu: 1}\ntrain-3: {cpu: 1}\n")
    assert str(caught.value) == (
        "kubernetes.yaml:2: there is no train-3: pipeline.py calls train 2 times, "
        "so write train or a lower number"
    )
    assert caught.value.status == 2


def test_what_pipeline_py_sets_wins(project: Path) -> None:
    pipeline = project / "pipeline.py"
    more = (
        '    again.set_cpu_limit("3").set_env_variable("LOG_LEVEL", "info")\n'
        "    again.set_retry(7)\n    again.set_caching_options(True)\n"
        "    kubernetes.set_timeout(again, 5)\n    return again.output\n"
    )
    text = pipeline.read_text().replace("    return again.output\n", more)
    pipeline.write_text(text.replace("from kfp import dsl\n", "from kfp import dsl, kubernetes\n"))
    first, second = compile_with(project, ALL), Task(project, "train-2")
    assert second.container.resources.resource_cpu_limit == "3"
    assert {var.name: var.value for var in second.container.env} == {"LOG_LEVEL": "info"}
    assert second.task["retryPolicy"]["maxRetryCount"] == 7
    assert second.task["cachingOptions"] == {"enableCache": True}
    assert second.config.active_deadline_seconds == 5
    assert first.config.active_deadline_seconds == 5400
    assert first.container.resources.resource_cpu_limit == "1500m"


def test_a_limit_below_the_request_is_found_wherever_it_was_set(project: Path) -> None:
    pipeline = project / "pipeline.py"
    more = '    again.set_memory_limit("1Gi")\n    return again.output\n'
    pipeline.write_text(pipeline.read_text().replace("    return again.output\n", more))
    with pytest.raises(WorkbenchError) as caught:
        compile_with(project, "train: {memory: 2Gi}\n")
    assert str(caught.value).startswith(
        "pipeline.py: the task train-2 requests 2.14748 GB of memory, over its limit of 1.07374: "
    )


def test_all_that_is_wrong_stops_make_compile_and_make_check(project: Path) -> None:
    (project / "kubernetes.yaml").write_text("trian: {}\ntrain: {cpu: x}\n")
    lines = [
        "kubernetes.yaml:1: trian: there is no step 'trian': write train",
        "kubernetes.yaml:2: train: cpu: 'x' is no amount of CPU: "
        "write cores, such as 2, 0.5 or 500m",
    ]
    result = make(project, "compile")
    assert result.returncode != 0 and result.stdout == ""
    assert result.stderr.splitlines()[:3] == [
        *lines,
        "error: kubernetes.yaml: 2 findings, see above",
    ]
    assert not (project / "build" / "pipeline.yaml").exists()
    found = [finding.text for finding in check.check_project(project)]
    assert set(lines) <= set(found)


def test_one_thing_that_is_wrong_is_the_error_itself(project: Path) -> None:
    with pytest.raises(WorkbenchError) as caught:
        compile_with(project, "train: {cpu: x}\n")
    assert str(caught.value).startswith("kubernetes.yaml:1: train: cpu: 'x' is no amount of CPU")
    assert caught.value.status == 2


def test_a_right_file_is_no_finding(project: Path) -> None:
    before = check.check_project(project)
    (project / "kubernetes.yaml").write_text(ALL)
    assert check.check_project(project) == before


def test_compiling_says_when_kfp_has_moved_the_seam(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings that are silently lost would be found on the cluster, if at all."""
    elsewhere = SimpleNamespace(BaseComponent=type("Other", (), {"__call__": None}))
    monkeypatch.setattr(applying, "base_component", elsewhere)
    with pytest.raises(
        WorkbenchError, match=r"kubernetes\.yaml was not applied to train: take the kfp"
    ):
        compile_with(project, ALL)


def test_kfp_calls_components_to_make_tasks() -> None:
    """Where `applied` steps in: a release of kfp that moves it is to be found here."""
    from kfp.dsl import base_component, yaml_component

    assert callable(vars(base_component.BaseComponent)["__call__"])
    assert "__call__" not in vars(yaml_component.YamlComponent)
    with applying.applied(Path("/nonexistent"), {}) as state:
        assert not state.settings.by_name
    before = base_component.BaseComponent.__call__
    assert importlib.import_module("kfp.dsl.base_component").BaseComponent.__call__ is before


def test_no_setting_needs_the_kubernetes_package(project: Path) -> None:
    """It takes as long to import as all of kfp; afterwards everybody can have it."""
    (project / "kubernetes.yaml").write_text(ALL)
    code = (
        "import sys\nfrom kfp_workbench.__main__ import main\nassert main(['compile']) == 0\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'kubernetes']\n"
        "from kfp import kubernetes\nfrom kubernetes.client import V1NodeAffinity\n"
        "from kfp_workbench.pipeline import light_kfp\nassert light_kfp.import_kubernetes() is kubernetes\n"
        "assert kubernetes.node_affinity.client.__name__\n"
    )
    words = [sys.executable, "-c", code]
    result = subprocess.run(words, cwd=project, env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


# Everybody who reads the compiled file


def test_the_settings_are_submitted_too(project: Path) -> None:
    (project / "kubernetes.yaml").write_text(ALL)
    with kfp_server() as server:
        env = {"KFP_HOST": server.url, "ALLOW_UNPINNED": "1"}
        result = make(project, "run", env=env)
        assert result.returncode == 0, result.stderr
        (sent,) = [r.body for r in server.requests if r.path.endswith("/runs") and r.body]
    documents = steps.read_documents(project / "build" / "pipeline.yaml")
    assert sent["pipeline_spec"] == {
        "pipeline_spec": documents[0],
        "platform_spec": documents[1],
    }


def test_other_readers_take_the_first_document(project: Path) -> None:
    (project / "kubernetes.yaml").write_text(ALL)
    result = make(project, "graph")
    assert result.returncode == 0, result.stderr
    package = project / "build" / "pipeline.yaml"
    assert len(list(yaml.safe_load_all(package.read_text()))) == 2
    assert len(steps.used_images(package)) == 2
    assert set(params.declared_parameters(package)) == {"context"}
    assert "exec-train" in compiled(project)["deploymentSpec"]["executors"]


def test_compiling_again_gives_the_same_bytes(project: Path) -> None:
    (project / "kubernetes.yaml").write_text(ALL)
    here = compile_here(project).read_bytes()
    assert make(project, "compile").returncode == 0
    assert (project / "build" / "pipeline.yaml").read_bytes() == here


def test_the_starter_training_asks_for_what_a_small_machine_has(tmp_path: Path) -> None:
    project = bake(tmp_path, starter="training", project_slug="tumours")
    sources = Sources(project)
    found, findings = schema.read(sources)
    assert findings == [] and set(found.by_name) == {"train", "evaluate"}
    for name in found.by_name:
        asked = found.of(name, 1)
        assert set(asked) == {"cpu", "memory", "retries"}
        assert asked["cpu"].limit <= 1000 and asked["memory"].limit <= 2**30


def test_the_example_of_the_manual_is_right(project: Path) -> None:
    manual = page("kubernetes")
    (example,) = blocks(manual, "yaml")
    assert wrong(project, example) == []
    first, second = compile_with(project, example), Task(project, "train-2")
    assert first.container.resources.resource_memory_limit == "4Gi"
    assert second.container.resources.resource_memory_limit == "8Gi"
    for key in schema._READERS:
        assert f"| `{key}` |" in manual or f"`{key}`" in manual.partition("| key |")[2], key
