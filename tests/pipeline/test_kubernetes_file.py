"""`kubernetes.yaml`: what is wrong with it is found."""

from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.pipeline.kubernetes import grammar, schema, units
from kfp_workbench.pipeline.kubernetes.units import UnfitError
from kfp_workbench.project.sources import Sources
from shared.kubernetes_file import ALL, wrong


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with the steps load and train."""
    for step in ("load", "train"):
        (tmp_path / "steps" / step).mkdir(parents=True)
        (tmp_path / "steps" / step / "component.yaml").write_text("name: x")
    return tmp_path


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
