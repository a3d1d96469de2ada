"""Jinja2 extension that keeps answers literal, however cookiecutter is called, and refuses bad ones.

cookiecutter renders every value given on the command line or in a user
configuration as if it were a part of the template: an answer such as
``<< ''.__class__ >>`` would run. Here only text that the template itself ships is
rendered; anything else comes out as it went in. It also brings the filters and
the globals that template files and hooks need.

Bad answers are refused here, too, and the project is filled in, as a hook is one more interpreter
to start. The module is called like nothing else: any other of its name would be taken for it.
"""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import cookiecutter.generate
from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context

TEMPLATE = Path(__file__).resolve().parent
sys.path.insert(0, str(TEMPLATE))  # cookiecutter puts it last: another package would win
from kfp_workbench.errors import WorkbenchError, cause  # noqa: E402
from kfp_workbench.scaffold import keeping, origin, refusals  # noqa: E402

sys.path.remove(str(TEMPLATE))

PROJECT = "<<cookiecutter.project_slug>>"
OLDEST = (2, 6)  # before, cookiecutter finds no folder whose name has other delimiters
# The defaults that are rendered. They are not read from cookiecutter.json: a scaffolder such as
# Backstage's writes people's answers into it.
DEFAULTS = frozenset(
    [
        "<< cookiecutter.project_name | slugify(max_length=63) >>",
        "<% if cookiecutter.starter == 'average' %>add, div<% elif cookiecutter.starter == 'training' %>"
        "load, split, train, evaluate, report, publish<% else %>load, process<% endif %>",
        "localhost:5000/<< cookiecutter.project_slug >>",
    ]
)
# Everything that CommonMark or GitHub's dialect would read as markup.
MARKDOWN = frozenset("\\`*_[]<>#~|$&:+-=.)")


class Answers(Extension):
    """Renders the template's own text only; named in ``_extensions``."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        _check_version(cookiecutter.__version__)
        environment.filters["quoted"] = quoted
        environment.filters["markdown"] = markdown
        environment.filters["folder"] = folder
        environment.globals["made"] = made
        environment.globals["origin"] = _origin
        self._over: Path | None = None

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return ``source``, made literal unless the template ships it.

        Template files are loaded by name; all that cookiecutter renders without
        one are the defaults, the hooks, the file names, and answers.
        """
        if self._over:  # cookiecutter would have ended by now if it were not to write over it
            keeping.set_aside(self._over, TEMPLATE / PROJECT)
            self._over = None
        if source == PROJECT:
            return source.replace("slug", "slug | folder")
        if name is not None or "<" not in source or source in DEFAULTS or source in _hooks():
            return source
        escaped = "".join(f"\\U{ord(character):08x}" for character in source)
        return f'<< "{escaped}" >>'

    def begin(self, project: Path) -> None:
        """Take note of the folder that cookiecutter is about to make, or to write into."""
        if project.is_dir():
            self._over = project


@pass_context
def folder(context: Context, slug: str) -> str:
    """Return the name of the project's folder, which is the first thing that is made of the answers.

    Raises FailedHookException, which cookiecutter tells without a traceback.
    """
    found = [
        *refusals.leftovers(TEMPLATE / PROJECT),
        *_dropped(),
        *refusals.lists(context.get("_cookiecutter", {})),
        *refusals.problems(context["cookiecutter"]),
    ]
    if found:
        print("These answers cannot become a project:", file=sys.stderr)
        for problem in found:
            print(f"  {problem}", file=sys.stderr)
        raise FailedHookException("nothing was generated")
    extension = context.environment.extensions[Answers.identifier]
    assert isinstance(extension, Answers)
    extension.begin(_project(context["cookiecutter"]))
    return slug


def made(answers: Mapping[str, str]) -> str:
    """Make what of a project depends on the answers, and return what to say: a part of a Python text.

    Raises FailedHookException.
    """
    from kfp_workbench.scaffold import making  # not for those whose answers are refused

    project = _project(answers)
    try:
        making.fill_in(project, TEMPLATE, answers)
        kept = keeping.settle(project)
    except (OSError, WorkbenchError) as error:
        raise FailedHookException(f"the project could not be made: {cause(error)}") from None
    lines = [f"What you had changed in the template's files is in {kept}/."] if kept else []
    lines += [f"{answers['project_slug']} is ready. Next:", ""]
    lines += [f"  cd {shlex.quote(str(project))}", "  make local", "  make test", ""]
    return "\n".join(lines).encode("unicode_escape").decode().replace('"', '\\"')


def _origin(template: str) -> origin.Origin:
    return origin.read(template, TEMPLATE)


def _project(answers: Mapping[str, str]) -> Path:
    return Path(answers["_output_dir"], answers["project_slug"])


def _check_version(version: str) -> None:
    numbers = tuple(int(number) for number in version.split(".")[:2])
    if numbers < OLDEST:
        raise FailedHookException(
            f"cookiecutter {version} cannot read this template: "
            "install 2.6 or newer, with pip install --upgrade cookiecutter"
        )


def _dropped() -> list[str]:
    """Return a line if cookiecutter dropped a part of a user's configuration.

    At a choice that there is not it warns, and leaves out what comes after it, too.
    """
    warned = getattr(cookiecutter.generate, "__warningregistry__", {})
    found = []
    for key in list(warned):
        text = key[0] if isinstance(key, tuple) else ""
        if refusals.is_about_a_choice(text):
            del warned[key]  # the next generation of this process may be right
            found.append(
                f"default_context: {text.partition(': ')[2].rstrip('.')}: mend your configuration of "
                "cookiecutter, of which all that comes after this would be left out"
            )
    return found


def quoted(text: str) -> str:
    """Return ``text`` as it stands between double quotes in TOML and in YAML."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def markdown(text: str) -> str:
    """Return ``text`` so that Markdown shows it as it was typed.

    White space at the ends goes, as it would on the page.
    """
    text = text.strip()
    escaped = []
    for index, character in enumerate(text):
        if character in MARKDOWN and _is_markup(text, index):
            escaped.append("\\")
        escaped.append(character)
    return "".join(escaped)


def _is_markup(text: str, index: int) -> bool:
    character, before, after = text[index], text[:index], text[index + 1 : index + 2]
    if character in "+-=":
        return not before
    if character in ".)":
        return before.isdigit()
    if character == ":":
        return after.isalnum()
    return True


def _hooks() -> frozenset[str]:
    return frozenset(path.read_text(encoding="utf-8") for path in TEMPLATE.glob("hooks/*.py"))
