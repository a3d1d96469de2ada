"""Reads ``env``: the environment variables of a step."""

from typing import Any

from kfp_workbench.pipeline.kubernetes import grammar
from kfp_workbench.pipeline.kubernetes.model import Variable
from kfp_workbench.pipeline.kubernetes.reader import Place, Reader
from kfp_workbench.project.secrecy import is_secret

MAX_VARIABLE = 128 * 1024  # bytes, with its name; Linux hands over no longer one (binfmts.h)


def read(reader: Reader, place: Place, value: Any) -> list[Variable]:
    """Read variables by name: a text each, or ``{secret: name/key}``, ``{config_map: name/key}``.

    No message shows what is in one.
    """
    found = []
    for name, part in reader.parts(place, value, "write one `NAME: value` a line"):
        at = (*place, name)
        if not reader.unfit(at, grammar.variable_problem(name)):
            read_one = _reference if isinstance(part, dict) else _literal
            found.append(read_one(reader, at, name, part))
    return [variable for variable in found if variable]


def _literal(reader: Reader, place: Place, name: str, value: Any) -> Variable | None:
    if value != "" and is_secret(name):
        what = "looks like a secret, and this file is for all to read"
        reader.note(place, what, "write {secret: name/key}; if it is none, set it in pipeline.py")
        return None
    text = reader.text(place, value)
    if text is None:
        return None
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        reader.note(place, "has a character that no variable can hold", "leave it out")
    elif "$(" in text or "{{" in text:
        what = "has $( or {{, which a cluster replaces and this machine does not"
        reader.note(place, what, "write it otherwise")
    elif len(f"{name}={text}".encode()) >= MAX_VARIABLE:
        what = f"is longer than the {MAX_VARIABLE} bytes that a process can be given"
        reader.note(place, what, "put it into a config map, as a volume")
    return Variable(name, "value", text)


def _reference(reader: Reader, place: Place, name: str, value: Any) -> Variable | None:
    parts = reader.known(place, value, ("secret", "config_map"))
    if len(parts) != 1:
        if len(parts) == len(value):
            cure = "write {secret: name/key} or {config_map: name/key}"
            reader.note(place, "needs one place that it comes from", cure)
        return None
    ((kind, reference),) = parts.items()
    source, _, key = reference.partition("/") if isinstance(reference, str) else ("", "", "")
    if grammar.object_problem(source) or grammar.data_key_problem(key):
        what = f"this is not the name of a {kind.replace('_', ' ')} and a key in it"
        reader.note((*place, kind), what, "write name/key, never what is in it")
        return None
    return Variable(name, kind, source, key)
