"""`kubernetes.yaml`: what is wrong with it is found, what is right arrives in the compiled pipeline."""

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from conftest import bake, compile_here, compiled, environment, make
from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineDeploymentConfig, PlatformSpec
from kfp_server import kfp_server

from ops import check, params, steps
from ops.check.sources import Sources
from ops.errors import OpsError
from ops.kubernetes import applying, grammar, schema, units
from ops.kubernetes.units import UnfitError

NON_ROOT = json_format.ParseDict(
    {"securityContext": {"runAsNonRoot": True}}, KubernetesExecutorConfig()
)
ALL = """\
train:
  cpu: {request: 500m, limit: 1.5}
  memory: 1.5Gi
  gpu: {type: amd.com/gpu, count: 2}
  env:
    LOG_LEVEL: debug
    DB_PASSWORD: {secret: database/password}
    MODE: {config_map: settings/mode}
  volumes:
    /data: {claim: my-claim, sub_path: team/a}
    /scratch: {empty_dir: 10Gi}
    /dev/shm: {empty_dir: {}, medium: Memory}
    /etc/tls: {secret: my-tls}
    /etc/settings: {config_map: settings}
  node_selector: {pool: gpu}
  tolerations:
  - {key: gpu, operator: Exists, effect: NoSchedule}
  - {key: spot, value: "true", effect: NoExecute, toleration_seconds: 60}
  retries: {count: 3, wait: 60s, factor: 1.5, max_wait: 10m}
  timeout: 1h30m
  caching: false
  security: {run_as_non_root: true, run_as_user: 1234, run_as_group: 2345}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with the steps load and train."""
    for step in ("load", "train"):
        (tmp_path / "steps" / step).mkdir(parents=True)
        (tmp_path / "steps" / step / "component.yaml").write_text("name: x")
    return tmp_path


def wrong(root: Path, text: str) -> list[str]:
    """Return what is found to be wrong with a text, without the name of the file."""
    (root / "kubernetes.yaml").write_text(text)
    findings = schema.read(Sources(root))[1]
    assert all(finding.path == "kubernetes.yaml" for finding in findings)
    return [finding.text.removeprefix("kubernetes.yaml:") for finding in findings]


# What the file says


def test_all_that_can_be_said_is_right(root: Path) -> None:
    assert wrong(root, ALL) == []


@pytest.mark.parametrize("text", ["", "# train:\n", "train:\n", "train: {}\nload:\n", "train-2:\n"])
def test_nothing_need_be_said(root: Path, text: str) -> None:
    assert wrong(root, text) == []


@pytest.mark.parametrize(
    ("setting", "said"),
    {
        # Keys.
        "memroy: 4Gi": "memroy: there is no such key: write memory",
        "nodeSelector: {a: b}": "nodeSelector: there is no such key: write node_selector",
        "secrets: {A: b/c}": "secrets: there is no such key: write env: {NAME: {secret: name/key}} "
        "or volumes: {/path: {secret: name}}",
        "resources: {cpu: 1}": "resources: there is no such key: write cpu and memory, each with "
        "its request and limit",
        "xyz: 1": "xyz: there is no such key: known are cpu, memory, gpu, env, volumes, "
        "node_selector, tolerations, retries, timeout, caching, security",
        "1: 2": "1: YAML reads this key as 1: put it in quotes",
        "cpu:": "cpu: is empty: give it a value, or leave it out",
        # Amounts.
        "cpu: two": "cpu: 'two' is no amount of CPU: write cores, such as 2, 0.5 or 500m",
        "cpu: 2Gi": "cpu: '2Gi' is no amount of CPU: write cores, such as 2, 0.5 or 500m",
        "cpu: true": "cpu: True is no amount of CPU: write cores, such as 2, 0.5 or 500m",
        "cpu: -1": "cpu: -1 is no amount of CPU: write cores, such as 2, 0.5 or 500m",
        "cpu: .inf": "cpu: inf is no amount of CPU: write cores, such as 2, 0.5 or 500m",
        "cpu: 0": "cpu: 0 is nothing: write cores, such as 2, 0.5 or 500m",
        "cpu: 0.0005": "cpu: 0.0005 is finer than 1m, a thousandth of a core: "
        "write cores, such as 2, 0.5 or 500m",
        "cpu: 999999999999999999": "cpu: 999999999999999999 is more than Kubernetes can count: "
        "write cores, such as 2, 0.5 or 500m",
        "cpu: {}": "cpu: is empty: write a request, a limit or both",
        "cpu: [1]": "cpu: [1] is no amount of CPU: write cores, such as 2, 0.5 or 500m",
        "cpu: {max: 1}": "cpu.max: there is no such key: known are request, limit",
        "cpu: {request: 2, limit: 500m}": "cpu.request: 2 is over the limit, 500m: "
        "raise the limit or lower the request",
        "memory: 4GB": "memory: '4GB' is no amount of memory: write a number with Ki, Mi, Gi, Ti "
        "(or k, M, G, T), such as 512Mi or 4Gi",
        "memory: 4K": "memory: '4K' is no amount of memory: write a number with Ki, Mi, Gi, Ti "
        "(or k, M, G, T), such as 512Mi or 4Gi",
        "memory: 4": "memory: 4 is 4 bytes, too few for any step: write a number with Ki, Mi, Gi, "
        "Ti (or k, M, G, T), such as 512Mi or 4Gi",
        "memory: {request: 2Gi, limit: 2G}": "memory.request: 2Gi is over the limit, 2G: "
        "raise the limit or lower the request",
        "gpu: one": "gpu: 'one' is no whole number from 0 to 1024: write one",
        "gpu: {count: 1.5}": "gpu.count: 1.5 is no whole number from 0 to 1024: write one",
        "gpu: {type: nvidia, count: 1}": "gpu.type: 'nvidia' is no resource of a node: "
        "write one such as nvidia.com/gpu",
        "timeout: 60": "timeout: 60 has no unit: write one such as 90s, 30m or 1h30m",
        "timeout: 1d": "timeout: '1d' is no duration: write one such as 90s, 30m or 1h30m",
        "timeout: ''": "timeout: '' is no duration: write one such as 90s, 30m or 1h30m",
        "timeout: 0s": "timeout: '0s' is 0 seconds, and 1 to 2147483647 can be: "
        "write one such as 90s, 30m or 1h30m",
        "timeout: 999999h": "timeout: '999999h' is 3599996400 seconds, and 1 to 2147483647 can be: "
        "write one such as 90s, 30m or 1h30m",
        # Environment.
        "env: [A]": "env: is no mapping: write one `NAME: value` a line",
        "env: {A B: c}": "env.A B: 'A B' is no variable: use letters, digits and _, no digit first",
        "env: {PORT: 80}": "env.PORT: is no text: put it in quotes",
        "env: {X: [1]}": "env.X: is no text: put it in quotes",
        'env: {X: "a\\0b"}': "env.X: has a character that no variable can hold: leave it out",
        "env: {X: $(HOME)}": "env.X: has $( or {{, which a cluster replaces and this machine does "
        "not: write it otherwise",
        "env: {X: {secert: a/b}}": "env.X.secert: there is no such key: write secret",
        "env: {X: {}}": "env.X: needs one place that it comes from: "
        "write {secret: name/key} or {config_map: name/key}",
        "env: {X: {secret: a/b, config_map: a/b}}": "env.X: needs one place that it comes from: "
        "write {secret: name/key} or {config_map: name/key}",
        "env: {X: {config_map: A/b}}": "env.X.config_map: this is not the name of a config map and "
        "a key in it: write name/key, never what is in it",
        # Volumes.
        "volumes: {data: {claim: a}}": "volumes.data: 'data' is no path: "
        "write an absolute one of letters, digits and . _ -, such as /data",
        "volumes: {/a/../b: {claim: a}}": "volumes./a/../b: '/a/../b' is no path: "
        "write an absolute one of letters, digits and . _ -, such as /data",
        "volumes: {/app: {claim: a}}": "volumes./app: '/app' would hide what the image has there: "
        "choose another, such as /data",
        "volumes: {/gcs: {claim: a}}": "volumes./gcs: '/gcs' is where KFP puts its own: "
        "choose another, such as /data",
        "volumes: {/a: my-claim}": "volumes./a: is no mapping: "
        "known keys are claim, empty_dir, secret, config_map, sub_path, medium",
        "volumes: {/a: {}}": "volumes./a: is no volume: "
        "write one of claim, empty_dir, secret, config_map",
        "volumes: {/a: {claim: a, secret: b}}": "volumes./a: is claim and secret in one: "
        "write one of claim, empty_dir, secret, config_map",
        "volumes: {/a: {claim: A_b}}": "volumes./a.claim: 'A_b' is no name: "
        "use at most 63 of a-z, 0-9 and dashes between",
        "volumes: {/a: {secret: a.b}}": "volumes./a.secret: 'a.b' is no name: "
        "use at most 63 of a-z, 0-9 and dashes between",
        "volumes: {/a: {empty_dir: big}}": "volumes./a.empty_dir: 'big' is no amount of memory: "
        "write a number with Ki, Mi, Gi, Ti (or k, M, G, T), such as 512Mi or 4Gi",
        "volumes: {/a: {empty_dir: {}, medium: RAM}}": "volumes./a.medium: 'RAM' is no medium: "
        "write Memory, or leave it out for the node's disk",
        "volumes: {/a: {secret: b, sub_path: c}}": "volumes./a.sub_path: only a volume of claim "
        "has it: leave it out",
        "volumes: {/a: {claim: b, sub_path: ../c}}": "volumes./a.sub_path: '../c' is no path within "
        "a volume: write one such as team/data",
        "volumes: {/a: {claim: x}, /b: {secret: x}}": "volumes./b: x is the claim at /a, too: "
        "rename one of them: KFP tells volumes apart by that name",
        # Where it runs.
        "node_selector: {a b: c}": "node_selector.a b: 'a b' is no label: "
        "write one such as pool or example.com/pool",
        "node_selector: {pool: true}": "node_selector.pool: is no text: put it in quotes",
        "node_selector: {pool: a b}": "node_selector.pool: 'a b' is no label's value: "
        "use at most 63 letters, digits and . _ - between",
        "tolerations: {key: a}": "tolerations: is no list: write one toleration a line, "
        "such as - {key: gpu, operator: Exists, effect: NoSchedule}",
        "tolerations: [{key: a, operator: exists}]": "tolerations.0.operator: 'exists' is no "
        "operator: write Exists",
        "tolerations: [{key: a, effect: NoSchedul}]": "tolerations.0.effect: 'NoSchedul' is no "
        "effect: write NoSchedule",
        "tolerations: [{key: a, tolerationSeconds: 1}]": "tolerations.0.tolerationSeconds: there is "
        "no such key: write toleration_seconds",
        "tolerations: [{key: a, operator: Exists, value: b}]": "tolerations.0.value: does not go "
        "with Exists: leave it out, or write Equal",
        "tolerations: [{effect: NoSchedule}]": "tolerations.0: has no key: give it one, or "
        "operator: Exists to tolerate every taint",
        "tolerations: [{key: a, toleration_seconds: 1}]": "tolerations.0.toleration_seconds: goes "
        "with the effect NoExecute only: leave it out",
        # The rest.
        "retries: many": "retries: 'many' is no whole number from 0 to 100: write one",
        "retries: {wait: 1m}": "retries: has no count: write how often a failed task is tried again",
        "retries: {count: 1, wait: 60}": "retries.wait: 60 has no unit: "
        "write one such as 90s, 30m or 1h30m",
        "retries: {count: 1, wait: 2m, max_wait: 1m}": "retries.wait: is longer than max_wait: "
        "raise max_wait",
        "retries: {count: 1, factor: .nan}": "retries.factor: nan is no factor from 1 to 10: "
        "write 2 to double each wait, 1 to keep it",
        "caching: off please": "caching: 'off please' is neither true nor false: write one of them",
    }.items(),
)
def test_what_is_wrong_is_one_line(root: Path, setting: str, said: str) -> None:
    assert wrong(root, f"load: {{}}\ntrain:\n  {setting}\n") == [f"3: train: {said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    {
        "trian: {}": "1: trian: there is no step 'trian': write train",
        "zzz: {}": "1: zzz: there is no step 'zzz': known are load, train",
        "train-0: {}": "1: train-0: there is no step 'train-0': write train",
        "train-x: {}": "1: train-x: there is no step 'train-x': write train",
        "train: 4Gi": "1: train: is no mapping: known keys are cpu, memory, gpu, env, volumes, "
        "node_selector, tolerations, retries, timeout, caching, security",
        "- train": "1: is no mapping: write one `step:` with its settings below it",
        "train: {cpu: 1}\ntrain: {cpu: 2}": "2: is no valid YAML (the key 'train' is there twice): "
        "mend it",
        "a: {\n": "2: is no valid YAML (did not find expected node content): mend it",
        "a: 1\n---\nb: 2\n": "2: is no valid YAML (but found another document): mend it",
        "? [a]\n: b\n": "1: is no valid YAML (found unhashable key): mend it",
        "train: &a [*a]": "1: is no valid YAML (an alias stands for what it is in): mend it",
        "train: {cpu: !!python/object/apply:os.getcwd []}": "1: is no valid YAML (could not "
        "determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.getcwd'): "
        "mend it",
        "\x07: {}": "1: is no valid YAML (unacceptable character #x0007: control characters are "
        'not allowed in "<unicode string>", position 0): mend it',
        '"a\\nb": {}': "1: 'a\\nb': there is no step 'a\\nb': known are load, train",
    }.items(),
)
def test_a_wrong_file_is_one_line(root: Path, text: str, said: str) -> None:
    assert wrong(root, text) == [said]


def test_everything_wrong_is_found_at_once_with_its_line(root: Path) -> None:
    text = (
        "trian: {}\ntrain:\n  cpu: x\n  env:\n    A: 1\n    B:\n      secret: c\nload: {gpu: -1}\n"
    )
    assert [said.partition(":")[0] for said in wrong(root, text)] == ["1", "3", "5", "7", "8"]


def test_what_steps_share_can_be_said_once(root: Path) -> None:
    assert wrong(root, "load: &heavy {memory: 4Gi}\ntrain: *heavy\n") == []
    settings, _ = schema.read(Sources(root))
    assert settings.of("train", 1) == settings.of("load", 1)
    assert wrong(root, "load: &heavy {memory: 4G b}\ntrain: *heavy\n")[0].startswith("1: load")


@pytest.mark.parametrize(
    "text",
    [
        "train: {env: {DB_PASSWORD: hunter2}}",
        "train: {env: {DB_PASSWORD: 4711}}",
        "train: {env: {MY_TOKEN: {secret: hunter2}}}",
        "train: {env: {MY_TOKEN: {secret: Hunter2/4711 }}}",
        "train: {env: hunter2}",
        "train: {env: {A: {secret: [hunter2]}}}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_shown(root: Path, text: str) -> None:
    (said,) = wrong(root, text)
    assert "hunter2" not in said.lower() and "4711" not in said


def test_a_secret_by_its_name_is_refused_with_both_ways_out(root: Path) -> None:
    (said,) = wrong(root, "train: {env: {API_KEY: abc}}")
    assert said == (
        "1: train: env.API_KEY: looks like a secret, and this file is for all to read: "
        "write {secret: name/key}; if it is none, set it in pipeline.py"
    )
    assert wrong(root, "train: {env: {API_KEY: '', TOKENS: '8'}}") == []


def test_a_variable_that_no_process_can_be_given_is_refused(root: Path) -> None:
    (said,) = wrong(root, f"train: {{env: {{A: {'x' * 131070}}}}}")
    assert said.startswith("1: train: env.A: is longer than the 131072 bytes")
    assert wrong(root, f"train: {{env: {{A: {'x' * 131069}}}}}") == []


@pytest.mark.parametrize(
    ("text", "amount", "written"),
    [
        (2, 2000, "2"),
        ("2", 2000, "2"),
        (0.5, 500, "500m"),
        ("500m", 500, "500m"),
        ("1.5", 1500, "1500m"),
        (0.1, 100, "100m"),
        ("2000m", 2000, "2"),
    ],
)
def test_cpu_is_counted_in_thousandths(text: object, amount: int, written: str) -> None:
    assert units.cpu(text) == amount and units.cpu_text(amount) == written


@pytest.mark.parametrize(
    ("text", "amount", "written"),
    [
        ("4Gi", 4 * 2**30, "4Gi"),
        ("1.5Gi", 3 * 2**29, "1536Mi"),
        ("2G", 2 * 10**9, "2G"),
        ("128000k", 128 * 10**6, "128M"),
        (2**20, 2**20, "1Mi"),
        ("1048577", 2**20 + 1, "1048577"),
        ("7Ei", 7 * 2**60, "7Ei"),
    ],
)
def test_memory_is_counted_in_bytes(text: object, amount: int, written: str) -> None:
    assert units.memory(text) == amount and units.memory_text(amount) == written
    assert units.memory(written) == amount


@pytest.mark.parametrize(
    "text", ["8Ei", "9" * 30 + "Gi", "4gi", "4 Gi", "4Gi\n", "+4Gi", "٤Gi", "0x4"]
)
def test_memory_that_kubernetes_would_refuse(text: str) -> None:
    with pytest.raises(UnfitError):
        units.memory(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("1h1s", 3601)]
)
def test_durations(text: str, seconds: int) -> None:
    assert units.duration(text) == seconds
    assert units.duration(units.duration_text(seconds)) == seconds


@pytest.mark.parametrize(
    "text", ["s", "1.5h", "30m1h", "-1s", "1s ", "1S", "1h 1m", "9" * 99 + "s"]
)
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(UnfitError):
        units.duration(text)


@pytest.mark.parametrize(
    ("problem", "right", "others"),
    [
        (
            grammar.label_problem,
            ["a", "a-1", "x" * 63],
            ["", "A", "-a", "a-", "a.b", "x" * 64, "ä"],
        ),
        (grammar.object_problem, ["a.b-c", "x" * 253], ["", "a..b", "a/b", ".a", "x" * 254, "a\n"]),
        (grammar.data_key_problem, ["tls.crt", "A_b"], ["", "a/b", "..", "a b", "x" * 254]),
        (grammar.variable_problem, ["A", "_a1"], ["", "1A", "A-B", "A=B", "Ä", "A\n"]),
        (
            grammar.qualified_problem,
            ["pool", "a.b/c_D.e", "x" * 63],
            ["", "/a", "a/", "a/b/c", "A.b/c", "x" * 64, "-a"],
        ),
        (grammar.label_value_problem, ["", "true", "a_B.c"], ["-a", "a b", "x" * 64]),
        (
            grammar.mount_problem,
            ["/data", "/etc/tls", "/a.b/_c"],
            ["", "/", "a", "/a/", "//a", "/a:b"],
        ),
        (grammar.below_problem, ["a", "a/b.c"], ["", "/a", "a/..", "../a", ".", "a//b", "./a"]),
    ],
)
def test_the_names_of_kubernetes(problem: Any, right: list[str], others: list[str]) -> None:
    assert [name for name in right if problem(name)] == []
    assert [name for name in others if not problem(name)] == []
    assert all(problem(name).isprintable() and ": " in problem(name) for name in others)


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
    with pytest.raises(OpsError) as caught:
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
    with pytest.raises(OpsError) as caught:
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
    with pytest.raises(OpsError) as caught:
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
    with pytest.raises(OpsError, match=r"kubernetes\.yaml was not applied to train: take the kfp"):
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
        "import sys\nfrom ops.__main__ import main\nassert main(['compile']) == 0\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'kubernetes']\n"
        "from kfp import kubernetes\nfrom kubernetes.client import V1NodeAffinity\n"
        "from ops import light_kfp\nassert light_kfp.import_kubernetes() is kubernetes\n"
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


def test_the_example_of_the_readme_is_right(project: Path) -> None:
    readme = (project / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(train:.*?)^```", readme, re.M | re.S)
    assert wrong(project, example) == []
    first, second = compile_with(project, example), Task(project, "train-2")
    assert first.container.resources.resource_memory_limit == "4Gi"
    assert second.container.resources.resource_memory_limit == "8Gi"
    for key in schema._READERS:
        assert f"| `{key}` |" in readme or f"`{key}`" in readme.partition("| key |")[2], key
