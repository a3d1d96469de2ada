"""The grammars of Kubernetes' names; each function returns what is wrong with one, or None.

https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
"""

import posixpath
import re

from kfp_workbench.project.names import MAX_NAME, shown

MAX_SUBDOMAIN = 253

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATH = re.compile(r"(/[A-Za-z0-9._-]+)+")
# The image's own code, and what Python and the system are in.
_SYSTEM = "/app /bin /dev /etc /lib /lib64 /proc /sbin /sys /usr /usr/bin /usr/lib /usr/local /var"
# https://github.com/kubeflow/pipelines/blob/master/backend/src/v2/compiler/argocompiler/container.go
_KFP = "/.cache /.config /.local /argo /gcs /kfp-launcher /minio /s3 /var/run/argo"


def label_problem(name: str) -> str | None:
    """Check a DNS label, as a namespace has it: at most 63 characters."""
    if not _LABEL.fullmatch(name) or len(name) > MAX_NAME:
        return f"{shown(name)} is no name: use at most {MAX_NAME} of a-z, 0-9 and dashes between"
    return None


def object_problem(name: str) -> str | None:
    """Check the name of a secret, a config map or a claim: a DNS subdomain."""
    if not _SUBDOMAIN.fullmatch(name) or len(name) > MAX_SUBDOMAIN:
        return (
            f"{shown(name)} is no name: use at most {MAX_SUBDOMAIN} of a-z, 0-9, "
            "with dashes and dots between"
        )
    return None


def data_key_problem(key: str) -> str | None:
    """Check a key in a secret or a config map."""
    if not _DATA_KEY.fullmatch(key) or len(key) > MAX_SUBDOMAIN or key in (".", ".."):
        return f"{shown(key)} is no key: use letters, digits and . _ -"
    return None


def variable_problem(name: str) -> str | None:
    """Check the name of an environment variable; every shell takes those that pass."""
    if not _VARIABLE.fullmatch(name):
        return f"{shown(name)} is no variable: use letters, digits and _, no digit first"
    return None


def qualified_problem(name: str) -> str | None:
    """Check a label's key: a name, or ``domain/name``."""
    prefix, slash, last = name.rpartition("/")
    fits = _QUALIFIED.fullmatch(last) and len(last) <= MAX_NAME
    if not fits or (slash and object_problem(prefix)):
        return f"{shown(name)} is no label: write one such as pool or example.com/pool"
    return None


def resource_problem(name: str) -> str | None:
    """Check the name of a device that nodes offer: ``domain/name``."""
    if "/" not in name or qualified_problem(name):
        return f"{shown(name)} is no resource of a node: write one such as nvidia.com/gpu"
    return None


def label_value_problem(value: str) -> str | None:
    """Check a label's value; it may be empty."""
    if value and (not _QUALIFIED.fullmatch(value) or len(value) > MAX_NAME):
        return (
            f"{shown(value)} is no label's value: use at most {MAX_NAME} letters, digits and "
            ". _ - between"
        )
    return None


def mount_problem(path: str) -> str | None:
    """Check where a volume is put: an absolute path that hides nothing the step needs."""
    example = "such as /data"
    if not _PATH.fullmatch(path) or posixpath.normpath(path) != path:
        grammar = f"an absolute one of letters, digits and . _ -, {example}"
        return f"{shown(path)} is no path: write {grammar}"
    if path in _SYSTEM.split():
        return f"{shown(path)} would hide what the image has there: choose another, {example}"
    if path in _KFP.split():
        return f"{shown(path)} is where KFP puts its own: choose another, {example}"
    return None


def below_problem(path: str) -> str | None:
    """Check a path within a volume."""
    if not _PATH.fullmatch(f"/{path}") or posixpath.normpath(path) != path or path[:1] == ".":
        return f"{shown(path)} is no path within a volume: write one such as team/data"
    return None
