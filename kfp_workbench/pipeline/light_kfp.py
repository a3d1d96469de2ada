"""Imports kfp without what neither compiling nor a local run uses.

``import kfp`` loads ``kfp.client``, and that the whole kubernetes package: two thirds
of the time. Half of the rest is requests, which kfp needs only for a component at an
address. Import this module before kfp; `kfp_workbench.cluster`, which needs the client, calls `allow_client`.
"""

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any, NoReturn


class _NoClient:
    """Stands where ``kfp.Client`` would be."""

    def __init__(self, *_: object, **__: object) -> None:
        raise RuntimeError("kfp.Client is not loaded here: submit with `make run`")


def _refuse(name: str) -> NoReturn:
    raise AttributeError(f"kfp.client.{name} is not loaded here: submit with `make run`")


class _Deferred(types.ModuleType):
    """A module that is loaded when something in it is looked up.

    importlib's LazyLoader would load at the next ``import`` already, which asks for
    ``__spec__``.
    """

    def __getattr__(self, attribute: str) -> object:
        name = self.__name__
        if sys.modules.get(name) is self:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)


def allow_client() -> None:
    """Let the next import of ``kfp.client`` be the true one."""
    if sys.modules.get("kfp.client") is _STANDIN:
        del sys.modules["kfp.client"]


def import_kubernetes() -> Any:
    """Return kfp.kubernetes, without the kubernetes package, which takes as long as all of kfp.

    Of its functions only `add_node_affinity_json` needs that package, and imports it once more.
    """
    if "kubernetes" not in sys.modules:
        standin = types.ModuleType("kubernetes")
        standin.__dict__["client"] = types.ModuleType("kubernetes.client")
        sys.modules["kubernetes"] = standin
        try:
            importlib.import_module("kfp.kubernetes")
        finally:
            del sys.modules["kubernetes"]
    return importlib.import_module("kfp.kubernetes")


def _places() -> list[str]:
    """Return where the modules within the true ``kfp.client`` are, for those who import them."""
    spec = importlib.util.find_spec("kfp")
    folders = spec.submodule_search_locations if spec else None
    return [str(Path(folder) / "client") for folder in folders or ()]


_STANDIN = types.ModuleType("kfp.client")
_STANDIN.__dict__.update(Client=_NoClient, __getattr__=_refuse, __path__=_places())
if "kfp" not in sys.modules:
    sys.modules.setdefault("requests", _Deferred("requests"))
    sys.modules["kfp.client"] = _STANDIN
