"""Looks at the registry that images are pushed to: there, and with a login."""

from kfp_workbench.doctor.condition import Condition
from kfp_workbench.images.registry import Registry
from kfp_workbench.project.settings import Settings


def check_registry(settings: Settings) -> list[Condition]:
    """Check that it answers, and that this machine may push to it."""
    registry = Registry(f"{settings.registry}/step", settings.docker)
    registry.ping()
    if registry.wants_login and not registry.has_login:
        # It gave a token to nobody, as Docker Hub does: good for pulling only.
        text = f"{registry.name} has no login from here, and pushing needs one: {registry.login}"
        return [Condition("FAIL", "registry", text)]
    text = f"{registry.name} answers, " + (
        "the login is good" if registry.wants_login else "without a login"
    )
    if registry.is_loopback:
        text += "; a cluster elsewhere cannot pull from it, set REGISTRY then"
    return [Condition("ok", "registry", text)]
