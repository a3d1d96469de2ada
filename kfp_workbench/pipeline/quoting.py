"""Keeps a text in a compiled file a text to those who read it by other rules than its writer.

PyYAML, by YAML 1.1, writes ``08``, ``1e3``, ``0o17`` and ``2026-1-5`` as they are: to it they are
texts. KFP's servers, and all that is written in Go, take them for numbers and a time, and hand on
``8`` and ``1000``: https://github.com/go-yaml/yaml/blob/v3.0.1/resolve.go
"""

import contextlib
import re
from collections.abc import Iterator

import yaml

_OTHERS = re.compile(
    r"[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9_]+)?"
    r"|[-+]?0[oO][0-7_]+"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"
)
_TAG = "!of-others"  # what a text would be that stands there without quotes


@contextlib.contextmanager
def quoted(dumper: type[yaml.Dumper] | type[yaml.SafeDumper]) -> Iterator[None]:
    """Have a dumper of PyYAML's quote such texts."""
    before = dumper.__dict__.get("yaml_implicit_resolvers")
    pattern = re.compile(rf"(?:{_OTHERS.pattern})\Z")
    dumper.add_implicit_resolver(_TAG, pattern, list("-+.0123456789"))
    try:
        yield
    finally:
        if before is None:
            del dumper.yaml_implicit_resolvers
        else:
            dumper.yaml_implicit_resolvers = before
