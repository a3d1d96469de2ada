"""Imports kfp without its client, which neither compiling nor a local run uses.

``import kfp`` loads ``kfp.client``, and that the whole kubernetes package: two thirds
of the time. Import this module before kfp; `ops.submit`, which needs the client,
does not.
"""

import sys
import types
from typing import NoReturn


class _NoClient:
    """Stands where ``kfp.Client`` would be."""

    def __init__(self, *_: object, **__: object) -> None:
        raise RuntimeError("kfp.Client is not loaded here: submit with `make run`")


def _refuse(name: str) -> NoReturn:
    raise AttributeError(f"kfp.client.{name} is not loaded here: submit with `make run`")


if "kfp" not in sys.modules:
    _module = types.ModuleType("kfp.client")
    _module.__dict__.update(Client=_NoClient, __getattr__=_refuse, __path__=[])
    sys.modules["kfp.client"] = _module
