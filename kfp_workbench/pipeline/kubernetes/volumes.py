"""Reads ``volumes``: what a step finds at which path."""

from typing import Any

from kfp_workbench.pipeline.kubernetes import grammar, units
from kfp_workbench.pipeline.kubernetes.model import Volume
from kfp_workbench.pipeline.kubernetes.reader import Place, Reader
from kfp_workbench.project.names import shown

_KINDS = ("claim", "empty_dir", "secret", "config_map")
_OPTIONS = {"sub_path": "claim", "medium": "empty_dir"}  # and the kind that has each


def read(reader: Reader, place: Place, value: Any) -> list[Volume]:
    """Read what is at which path, as ``/data: {claim: my-claim}``."""
    found: list[Volume] = []
    for path, part in reader.parts(place, value, "write one `/path: {claim: name}` a line"):
        at = (*place, path)
        if reader.unfit(at, grammar.mount_problem(path)):
            continue
        volume = _volume(reader, at, path, part)
        if volume:
            _check_name(reader, at, volume, found)
            found.append(volume)
    return found


def _volume(reader: Reader, place: Place, path: str, value: Any) -> Volume | None:
    parts = reader.known(place, value, (*_KINDS, *_OPTIONS))
    kinds = [kind for kind in _KINDS if kind in parts]
    if len(kinds) != 1:
        if isinstance(value, dict) and len(parts) == len(value):
            what = f"is {' and '.join(kinds)} in one" if kinds else "is no volume"
            reader.note(place, what, f"write one of {', '.join(_KINDS)}")
        return None
    (kind,) = kinds
    for option, owner in _OPTIONS.items():
        if option in parts and kind != owner:
            reader.note((*place, option), f"only a volume of {owner} has it", "leave it out")
    sub_path, medium = parts.get("sub_path", ""), parts.get("medium", "")
    if "sub_path" in parts and reader.text((*place, "sub_path"), sub_path) is not None:
        reader.unfit((*place, "sub_path"), grammar.below_problem(sub_path))
    if "medium" in parts and medium != "Memory":
        cure = "write Memory, or leave it out for the node's disk"
        reader.note((*place, "medium"), f"{shown(medium)} is no medium", cure)
    source = _source(reader, (*place, kind), kind, parts[kind])
    return None if source is None else Volume(path, kind, source, sub_path, medium)


def _source(reader: Reader, place: Place, kind: str, value: Any) -> str | None:
    """Return the name of what a volume holds; of an empty_dir, the size that it may have."""
    if kind == "empty_dir":
        if value == {}:
            return ""
        size = reader.amount(place, value, units.memory)
        return units.memory_text(size) if size else None
    name = reader.text(place, value)
    # Not a subdomain: KFP gives the volume this name, and a volume's has no dots.
    if name is None or reader.unfit(place, grammar.label_problem(name)):
        return None
    return name


def _check_name(reader: Reader, place: Place, volume: Volume, others: list[Volume]) -> None:
    for other in others:
        if "empty_dir" not in (volume.kind, other.kind) and volume.source == other.source:
            if volume.kind != other.kind:
                what = f"{volume.source} is the {other.kind} at {other.path}, too"
                cure = "rename one of them: KFP tells volumes apart by that name"
                reader.note(place, what, cure)
            return
