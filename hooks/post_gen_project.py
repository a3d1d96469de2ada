"""Makes the steps, the pipeline module and the CI file of a project just generated."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

PARTS = Path("hooks", "parts")  # in the template


def fill_in(project: Path, template: Path, answers: Mapping[str, str]) -> None:
    """Add to ``project`` what depends on the answers; what is there already stays."""
    from ops import graph, names, scaffold

    steps = names.split_steps(answers["steps"])
    starter = template / PARTS / answers["starter"]
    _copy(starter, project, steps)
    _copy(template / PARTS / answers["ci"], project, steps)
    for step in steps:
        script = starter / "steps" / step / "main.py"
        if (project / "steps" / step).exists():
            continue  # generated again, with -f: the step is the user's by now
        scaffold.add_step(
            project,
            step,
            image=f"{answers['registry']}/{step.replace('_', '-')}",
            base_image=answers["base_image"],
            script=script.read_text(encoding="utf-8") if script.exists() else None,
        )
    module = project / "pipeline.py"
    slug = answers["project_slug"]
    is_new = not module.exists()
    if is_new or scaffold.is_generated(module.read_text(encoding="utf-8"), slug):
        module.write_text(scaffold.pipeline_module(slug, steps), encoding="utf-8")
    if is_new:
        graph.draw_chain(project, slug, [scaffold.title(step) for step in steps])


def _copy(part: Path, project: Path, steps: list[str]) -> None:
    """Copy a part's files; the tests of a worked example only where its steps all are."""
    examples = {folder.name for folder in part.glob("steps/*")}
    for source in sorted(path for path in part.rglob("*") if path.is_file()):
        name = source.relative_to(part)
        if name.parts[0] == "steps" or (name.parts[0] == "tests" and not examples.issubset(steps)):
            continue
        target = project / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def main() -> int:
    """Fill in the project in the current folder and say what to type next."""
    answers = json.loads(r"""<< cookiecutter | jsonify >>""")
    template = Path(*json.loads(r"""[<< template_folder | jsonify >>]"""))
    sys.path.insert(0, str(Path.cwd()))
    sys.dont_write_bytecode = True
    fill_in(Path.cwd(), template, answers)
    print(f"{answers['project_slug']} is ready. Next:\n")
    print(f"  cd {answers['project_slug']}\n  make local\n  make test\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
