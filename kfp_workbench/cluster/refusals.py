"""Tells a pod that Kubernetes refuses by what it says, and what makes it fit.

A pod that breaks a rule of its namespace is never made, so that it has no log.
https://kubernetes.io/docs/concepts/security/pod-security-admission/
https://kubernetes.io/docs/concepts/policy/limit-range/
"""

import re

_REFUSAL = re.compile(
    r'(?:pods|Pod) "[^"]*" is (?:forbidden|invalid): |admission webhook "[^"]*" denied the request'
)
# The first that is found counts.
_CURES = (
    (
        "runAsNonRoot != true",
        "take run_as_non_root: false out of kubernetes.yaml, use KFP 2.16 or later",
    ),
    ("violates PodSecurity", "change what it names in kubernetes.yaml"),
    ("service ?account", "set service_account in params/<ENV>.yaml to one that is there"),
    ("must specify|(?:minimum|maximum) ", "set cpu and memory in kubernetes.yaml as it says"),
    ("is invalid: ", "correct what it names in kubernetes.yaml"),
)


def cure(message: str) -> str:
    """Return what may help against a refusal of Kubernetes', or ``""`` for what is none."""
    if not _REFUSAL.search(message):
        return ""
    found = (text for pattern, text in _CURES if re.search(pattern, message, re.IGNORECASE))
    admin = "ask who administers the namespace"
    return f"{own}, or {admin}" if (own := next(found, "")) else admin
