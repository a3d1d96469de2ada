"""What the verbs take from the command line, and where each of them is.

What a verb needs is imported when it is called, not to be parsed.
"""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from kfp_workbench.commands import from_make
from kfp_workbench.files import expanded


class _Formatter(argparse.HelpFormatter):
    """Lays help out for any terminal: to measure one, at each argument, loads what no verb begins with."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=78)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and repeats no secret in it, such as that of a forgotten -p."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Formatter, **options)

    def error(self, message: str) -> NoReturn:
        from kfp_workbench.project.secrecy import hide_assignments

        self.exit(2, f"error: {self.prog}: {hide_assignments(message)}\n")

    @property
    def taken(self) -> str:
        """Return the options of a verb, for people."""
        actions = [action for action in self._actions if action.dest != "help"]
        words = [action.option_strings[:1] or [action.dest.upper()] for action in actions]
        return ", ".join(word for (word,) in words) or "nothing"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what a command line gives; exits when it is wrong.

    What follows the word ``make`` is a verb that make calls, whose variables count.
    ``interrupted`` is what to say after a Ctrl-C, ``closing`` gets the lines to end with.
    """
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["make"]:
        words = from_make.completed(words[1:])
    parser = _Parser(prog="make", allow_abbrev=False)
    parser.set_defaults(closing=[], interrupted="")
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    wanted = [add for add, names in _GROUPS.items() if names.intersection(words[:1])]
    for add in wanted or _GROUPS:  # to make all of them takes as long as some verbs do
        add(verbs)
    args, more = parser.parse_known_args(words)
    if more:
        verb = verbs.choices[args.verb]
        verb.error(f"it takes {verb.taken}, and ARGS has {' '.join(more)}")
    return args


def call(args: argparse.Namespace) -> dict[str, object] | None:
    """Call the verb that was parsed, and return its answer if it has one."""
    module, _, name = args.function.partition(":")
    function = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    answer: dict[str, object] | None = function(args)
    return answer


def _add_pipeline(verbs: Any) -> None:
    verb = verbs.add_parser("compile", help="write build/pipeline.yaml")
    verb.set_defaults(function="compiling:compile_pipeline")
    verb = verbs.add_parser("manifest", help="write the compiled pipeline as resources")
    _add_env(verb, "namespace and caching")
    verb.set_defaults(function="manifests:write")
    verb = verbs.add_parser("graph", help="draw the compiled pipeline")
    verb.set_defaults(function="drawing:draw")


def _add_images(verbs: Any) -> None:
    for name in ("build", "push"):
        verb = verbs.add_parser(name, help=f"{name} the images of steps that changed")
        verb.add_argument("steps", nargs="*", metavar="STEP", help="default: all")
        verb.add_argument("--jobs", type=int, default=_jobs(), help="at a time; make -jN sets it")
        verb.set_defaults(function=f"images:{name}")
        if name == "build":
            verb.add_argument("--again", action="store_true", help="unchanged ones too")
    verb = verbs.add_parser("lock", help="write requirements.txt from requirements.in")
    verb.add_argument("--upgrade", action="store_true", help="to the newest versions")
    verb.set_defaults(function="packages:lock")
    verb = verbs.add_parser("wheels", help="fill a folder to set up from without a network")
    verb.add_argument("folder", type=lambda text: expanded(text or "wheels"))  # as set-up does
    verb.set_defaults(function="packages:fill")


def _add_project(verbs: Any) -> None:
    verb = verbs.add_parser("check", help="check the contract between the project's files")
    verb.add_argument("--format", choices=("text", "github"), default="text")
    verb.set_defaults(function="checking:check")
    verb = verbs.add_parser("doctor", help="say what is missing on this machine")
    _add_env(verb, "where runs go")
    verb.set_defaults(function="diagnosing:diagnose")
    verb = verbs.add_parser("step", help="add a step")
    verb.add_argument("name")
    verb.add_argument(
        "--in", default="", metavar="PORTS", help="that it takes: data:Dataset n:int=3"
    )
    verb.add_argument("--out", default="", metavar="PORTS", help="that it makes: model:Model")
    verb.set_defaults(function="steps:add")
    verb = verbs.add_parser("component", help="write component.yaml of typed steps")
    verb.add_argument("step", help="one step's; nothing for all")
    verb.set_defaults(function="components:write")
    verb = verbs.add_parser("help", help="show a page of the manual")
    verb.add_argument("topic")
    verb.set_defaults(function="help:show_page")


def _add_local(verbs: Any) -> None:
    verb = verbs.add_parser("local", help="run the compiled pipeline here", allow_abbrev=False)
    _add_parameters(verb)
    verb.add_argument("--runner", choices=("auto", "process", "docker"), default="auto")
    verb.add_argument("--compile", action="store_true", help="before, if anything changed")
    verb.set_defaults(function="starting:run", interrupted="; everything that was started is ended")


def _add_looking_back(verbs: Any) -> None:
    for name, what in (("debug", "run one step alone"), ("shell", "open a prompt in one step")):
        verb = verbs.add_parser(name, help=what, allow_abbrev=False)
        verb.add_argument("--step", default="", help="its name, or its task's")
        verb.add_argument(
            "--run", default="", help="a folder below build/local/; default: the last"
        )
        verb.add_argument("--iteration", default="", metavar="N", help="of a loop, from 0")
        verb.add_argument("--runner", choices=("", "process", "docker"), help="default: the run's")
        _add_parameters(verb)
        verb.set_defaults(function=f"debugging:{'debug' if name == 'debug' else 'open_shell'}")
    verb = verbs.add_parser("report", help="write the last local run's report")
    verb.add_argument("run", nargs="?", help="another one: a folder's name below build/local/")
    verb.set_defaults(function="reporting:write_report")


def _add_run(verbs: Any) -> None:
    verb = verbs.add_parser("run", help="run the compiled pipeline there", allow_abbrev=False)
    _add_parameters(verb)
    verb.add_argument("--experiment", help="default: the pipeline's name")
    verb.add_argument("--experiment-description", help="of one that is made by this")
    verb.add_argument("--caching", action=argparse.BooleanOptionalAction, help="of all steps")
    verb.add_argument("--name", help="of the run; default: pipeline and time")
    verb.add_argument("--wait", action="store_true", help="until it ends; also WAIT=1")
    verb.add_argument("--timeout", metavar="TIME", help="of the wait: 90, 30m, 2h")
    verb.add_argument("--on-interrupt", choices=("ask", "leave", "terminate"))
    verb.set_defaults(function="running:run", interrupted="; no run was started")


def _add_server(verbs: Any) -> None:
    verb = verbs.add_parser("upload", help="a version of the pipeline", allow_abbrev=False)
    verb.add_argument("--set-default", action="store_true", help="fail unless runs take it")
    _add_env(verb, "where it goes")
    verb.set_defaults(function="publishing:upload", interrupted="; nothing was uploaded")
    verb = verbs.add_parser("schedule", help="hold schedules.yaml against the server")
    _add_env(verb, "only its schedules (default: all)", default=None)
    verb.set_defaults(function="publishing:schedule")


def _add_parameters(verb: argparse.ArgumentParser) -> None:
    _add_env(verb, "parameters")
    verb.add_argument("-p", dest="parameters", action="append", default=[], metavar="NAME=VALUE")


def _add_env(verb: argparse.ArgumentParser, what: str, default: str | None = "dev") -> None:
    verb.add_argument("--env", default=default, help=f"{what}: params/ENV.yaml")


def _jobs() -> int:
    """Return how many jobs make was told to run at a time (``-jN``; ``-j`` is one a CPU)."""
    flags = re.findall(r"(?:^| )-j ?([0-9]*)(?= |$)", os.environ.get("MAKEFLAGS", ""))
    return int(flags[-1] or os.cpu_count() or 1) if flags else 1


Add = Callable[[Any], None]
_GROUPS: dict[Add, set[str]] = {
    _add_pipeline: {"compile", "manifest", "graph"},
    _add_images: {"build", "push", "lock", "wheels"},
    _add_project: {"check", "doctor", "step", "component", "help"},
    _add_local: {"local"},
    _add_looking_back: {"debug", "shell", "report"},
    _add_run: {"run"},
    _add_server: {"upload", "schedule"},
}
