"""Which answers cannot become a project, and why: all of it at once, before a file is written."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from kfp_workbench.project import names

# Whoever fills in cookiecutter.json may have put a text in the place of a list of choices.
CHOICES = {
    "starter": ("average", "training", "blank"),
    "ci": ("github", "gitlab", "none"),
}
# A worked example whose pipeline is no chain cannot do without a step, or with one more.
FIXED_STEPS = {"training": ["load", "split", "train", "evaluate", "report", "publish"]}
_CACHES = {".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "__pycache__", "build"}
_CHECKS: dict[str, Callable[[str], str | None]] = {
    "project_slug": names.slug_problem,
    "registry": names.registry_problem,
    "base_image": names.image_problem,
    "kfp_host": names.host_problem,
}


def problems(answers: Mapping[str, object]) -> list[str]:
    """Return one line per problem: the field, the value, the cure."""
    return [
        f"{field}: {problem}"
        for field, answer in answers.items()
        if not field.startswith("_")
        for problem in _problems(field, answer, answers)
    ]


def lists(questions: Mapping[str, object]) -> list[str]:
    """Return one line per question that a user's configuration gives a list where text is asked for.

    cookiecutter would take the list's first item for the answer.
    """
    return [
        f"{field}: {names.shown(value)} is a list: give one text, such as "
        f"{names.shown(', '.join(map(str, value)))}"
        for field, value in questions.items()
        if isinstance(value, list) and field not in CHOICES
    ]


def is_about_a_choice(warning: str) -> bool:
    """Tell whether cookiecutter warns that one of our questions has no such choice."""
    return any(
        f"variable {field}, but" in warning and all(choice in warning for choice in choices)
        for field, choices in CHOICES.items()
    )


def leftovers(project: Path) -> list[str]:
    """Return one line per cache in the template's folder: it would be in the new project."""
    return [
        f"template: {Path(folder, name)} is a tool's cache: remove it, and call the tools through make"
        for folder, folders, _ in os.walk(project)
        for name in sorted(folders)
        if name in _CACHES
    ]


def _problems(field: str, answer: object, answers: Mapping[str, object]) -> Iterator[str]:
    if not isinstance(answer, str):
        yield f"{names.shown(answer)} is no text: give one, between quotes"
    elif problem := names.text_problem(answer):
        yield problem
    elif field in CHOICES:
        if answer not in CHOICES[field]:
            yield f"{names.shown(answer)} is not one of {', '.join(CHOICES[field])}: choose one"
    elif field == "steps":
        yield from _steps_problems(answer, str(answers.get("starter", "")))
    elif problem := _CHECKS.get(field, _nothing)(answer):
        yield problem


def _steps_problems(answer: str, starter: str) -> Iterator[str]:
    steps = names.split_steps(answer)
    yield from names.steps_problems(steps)
    fixed = FIXED_STEPS.get(starter, steps)
    if steps != fixed:
        yield (
            f"{names.shown(answer)} is not what the pipeline of this starter "
            f"runs: leave it at {', '.join(fixed)}, or choose another starter"
        )


def _nothing(answer: str) -> None:
    """Find nothing wrong with free text."""
