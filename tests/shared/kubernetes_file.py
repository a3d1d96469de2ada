"""A `kubernetes.yaml`, and what is found to be wrong with one."""

from pathlib import Path

from kfp_workbench.pipeline.kubernetes import schema
from kfp_workbench.project.sources import Sources

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


def wrong(root: Path, text: str) -> list[str]:
    """Return what is found to be wrong with a text, without the name of the file."""
    (root / "kubernetes.yaml").write_text(text)
    findings = schema.read(Sources(root))[1]
    assert all(finding.path == "kubernetes.yaml" for finding in findings)
    return [finding.text.removeprefix("kubernetes.yaml:") for finding in findings]
