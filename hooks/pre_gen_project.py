"""Refuses answers that cannot become a project, all at once, before a file is written."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

# A worked example whose pipeline is no chain cannot do without a step, or with one more.
FIXED_STEPS = {"training": ["load", "split", "train", "evaluate", "report", "publish"]}


def problems(answers: Mapping[str, str]) -> list[str]:
    """Return one line per problem: the field, the value, the cure."""
    from kfp_workbench.project import names

    checks: dict[str, Callable[[str], str | None]] = {
        "project_slug": names.slug_problem,
        "registry": names.registry_problem,
        "base_image": names.image_problem,
        "kfp_host": names.host_problem,
    }
    found = []
    for field, answer in answers.items():
        if field.startswith("_"):
            continue
        if problem := names.text_problem(answer):
            found.append(f"{field}: {problem}")
        elif field == "steps":
            steps = names.split_steps(answer)
            found += [f"{field}: {line}" for line in names.steps_problems(steps)]
            if answers.get("project_slug", "").replace("-", "_") in steps:
                found.append(
                    f"{field}: {names.shown(answers['project_slug'])} is the project's slug, too, and "
                    "KFP would take the step for the pipeline: rename one of them"
                )
            fixed = FIXED_STEPS.get(answers.get("starter", ""), steps)
            if steps != fixed:
                found.append(
                    f"{field}: {names.shown(answer)} is not what the pipeline of this starter "
                    f"runs: leave it at {', '.join(fixed)}, or choose another starter"
                )
        elif field in checks and (problem := checks[field](answer)):
            found.append(f"{field}: {problem}")
    return found


def leftovers(project: Path) -> list[str]:
    """Return one line per cache in the template's folder: it would be in the new project."""
    caches = {".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "__pycache__", "build"}
    return [
        f"template: {path} is a tool's cache: remove it, and call the tools through make"
        for path in sorted(project.rglob("*"))
        if path.name in caches
    ]


def main() -> int:
    """Print the problems to stderr; exit status 1 (cookiecutter's) if there are any."""
    template = Path(*json.loads(r"""[<< template_folder | jsonify >>]"""))
    project = next(template.glob("*cookiecutter.project_slug*"))
    sys.path.insert(0, str(template))
    sys.dont_write_bytecode = True
    found = leftovers(project) + problems(json.loads(r"""<< cookiecutter | jsonify >>"""))
    if found:
        print("These answers cannot become a project:", file=sys.stderr)
    for problem in found:
        print(f"  {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
