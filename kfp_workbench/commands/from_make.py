"""What make was given for a verb, as the verb's own options: it hands it on in the environment."""

import os
from collections.abc import Iterator, Sequence

_OPTIONS = {
    "--env": ("ENV", "debug doctor local manifest run schedule shell upload"),
    "--in": ("IN", "step"),
    "--iteration": ("ITERATION", "debug shell"),
    "--out": ("OUT", "step"),
    "--run": ("RUN", "debug shell"),
    "--runner": ("RUNNER", "debug local shell"),
    "--step": ("STEP", "debug shell"),
}
_ARGUMENTS = {"component": "STEP", "help": "TOPIC", "step": "NAME", "wheels": "WHEELS"}


def completed(words: Sequence[str]) -> list[str]:
    """Return a verb and what ARGS has for it, with what the variables say."""
    verb, *rest = words
    if verb in _ARGUMENTS and not rest:
        rest = ["--", os.environ.get(_ARGUMENTS[verb], "")]
    return [verb, *_options(verb), *rest]


def _options(verb: str) -> Iterator[str]:
    if verb == "local":
        yield "--compile"
    for option, (name, verbs) in _OPTIONS.items():
        value = os.environ.get(name, "")
        # An environment without a name is none, and not the usual one.
        if verb in verbs.split() and (value or (name == "ENV" and name in os.environ)):
            yield f"{option}={value}"
