"""Makes the steps, the pipeline module and the CI file of a project just generated."""

import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

STARTERS = Path("starters")  # in the template


def fill_in(project: Path, template: Path, answers: Mapping[str, str]) -> None:
    """Add to ``project`` what depends on the answers; what is there already stays."""
    from kfp_workbench import graph
    from kfp_workbench.project import names
    from kfp_workbench.scaffold import adding, packing

    packing.vendor(project, template)
    steps = names.split_steps(answers["steps"])
    starter = template / STARTERS / answers["starter"]
    _copy(starter, project, steps)
    _copy(template / STARTERS / "ci" / answers["ci"], project, steps)
    # Generated again, with -f, a step that is there is the user's by now.
    added = [step for step in steps if not (project / "steps" / step).exists()]
    for step in added:
        adding.add_step(
            project,
            step,
            image=f"{answers['registry']}/{step.replace('_', '-')}",
            base_image=answers["base_image"],
            ready=starter / "steps" / step,
        )
    module = project / "pipeline.py"
    slug = answers["project_slug"]
    if not module.exists():
        ready = starter / "pipeline.py"
        chain = adding.pipeline_module(slug, steps)
        text = adding.ready_module(ready, slug) if ready.exists() else chain
        module.write_text(text, encoding="utf-8")
        if ready.exists():
            graph.copy_ready(project, starter / "docs", slug)
        else:
            graph.draw_chain(project, slug, [adding.title(step) for step in steps])
        return
    for step in added:
        adding.wire_step(project, slug, step)


def _copy(part: Path, project: Path, steps: list[str]) -> None:
    """Copy a part's files; the tests of a worked example only where its steps all are."""
    examples = {folder.name for folder in part.glob("steps/*")}
    for source in sorted(path for path in part.rglob("*") if path.is_file()):
        name = source.relative_to(part)
        if name.parts[0] in ("docs", "pipeline.py", "steps"):
            continue  # rendered
        if name.parts[0] == "tests" and not examples.issubset(steps):
            continue
        target = project / name
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def main() -> int:
    """Fill in the project in the current folder and say what to type next."""
    answers = json.loads(r"""<< cookiecutter | jsonify >>""")
    template = Path(*json.loads(r"""[<< template_folder | jsonify >>]"""))
    sys.path.insert(0, str(template))
    sys.dont_write_bytecode = True
    fill_in(Path.cwd(), template, answers)
    print(f"{answers['project_slug']} is ready. Next:\n")
    # Whole: a hook is not told which folder it was called from.
    print(f"  cd {shlex.quote(str(Path.cwd()))}\n  make local\n  make test\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
