"""Traps of what a task asks of Kubernetes, made as those in `traps` are."""

from shared.traps import Case, pipeline

# What a task asks of Kubernetes: a call of kfp.kubernetes, what is wrong in it, the words, the cure.
ASKED = {
    "secret-to-mount": ('use_secret_as_volume(task, "my.key", "/key")', "the secret 'my.key' is no name", ("my.key", "my-key")),
    "map-to-mount": ('use_config_map_as_volume(task, "My", "/my")', "the config map 'My' is no name", ('"My"', '"my"')),
    "claim": ('mount_pvc(task, "Data", "/data")', "the claim 'Data' is no name", ('(task, "Data"', "(task, claim")),
    "empty-dir": ('empty_dir_mount(task, "my_tmp", "/tmp/my")', "the volume 'my_tmp' is no name", ("my_tmp", "my-tmp")),
    "size": ('empty_dir_mount(task, "t", "/t", size_limit="2 GB")', "the size of a volume is '2 GB', which is no amount", ("2 GB", "2Gi")),
    "ephemeral": ('add_ephemeral_volume(task, "v", "/v", ["ReadWriteOnce"], "2 GB")', "is '2 GB'", ("2 GB", "2Gi")),
    "secret": ('use_secret_as_env(task, "My_Secret", {"a": "A"})', "'My_Secret' is no name", ("My_Secret", "my-secret")),
    "secret-key": ('use_secret_as_env(task, "s", {"a b": "A"})', "of a secret, 'a b' is no key", ("a b", "a-b")),
    "map": ('use_config_map_as_env(task, "My_Map", {"a": "A"})', "'My_Map' is no name", ('"A"}', '"A"}, True')),
    "map-key": ('use_config_map_as_env(task, "m", {"a b": "A"})', "of a map, 'a b' is no key", ("a b", "a-b")),
    "node": ('add_node_selector(task, "a b", "c")', "of a node, 'a b' is no label", ("a b", "a-b")),
    "node-value": ('add_node_selector(task, "a", "b c")', "of a node, 'b c' is no label's value", ("b c", "b-c")),
    "pod": ('add_pod_label(task, "a b", "c")', "of the pod, 'a b' is no label", ("a b", "a-b")),
    "pod-value": ('add_pod_label(task, "a", "b c")', "of the pod, 'b c' is no label's value", ("b c", "b-c")),
    "annotation": ('add_pod_annotation(task, "a b", "c d")', "of the pod, 'a b' is no label", ("a b", "Example.com/x")),
    "toleration": ('add_toleration(task, "a b", "Exists")', "of a toleration, 'a b' is no label", ("a b", "a-b")),
    "toleration-value": ('add_toleration(task, "a", "Equal", "b c")', "'b c' is no label's value", ("b c", "b-c")),
    "user": ("set_security_context(task, run_as_user=2**31)", "the user is 2147483648: use at most", ("2**31", "2**31 - 1")),
    "group": ("set_security_context(task, run_as_group=2**31)", "the group is 2147483648", ("2**31", "2**31 - 1")),
}  # fmt: skip
CASES = {
    f"kubernetes-{name}": Case(
        "\nfrom kfp import kubernetes\n"
        + pipeline(f'task = say(text="a")\nkubernetes.{call}', 'claim: str = "Data"'),
        "task = say(",
        words,
        [cure],
    )
    for name, (call, words, cure) in ASKED.items()
}
