"""Makes what of a new project depends on the answers; what is there already stays."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from kfp_workbench.graph import pictures
from kfp_workbench.images import locking
from kfp_workbench.project import names
from kfp_workbench.scaffold import adding, chains, joining, packing
from kfp_workbench.scaffold.rendering import render

STARTERS = "starters"  # in the template
_RENDERED = ("docs", "pipeline.py", "steps")  # of a starter; the rest is copied as it is


def fill_in(project: Path, template: Path, answers: Mapping[str, str]) -> None:
    """Add to ``project`` its package, steps, pipeline, pictures and CI."""
    packing.vendor(project, template)
    locking.sign(project / "requirements-dev.in", project)
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
    slug = answers["project_slug"]
    if not (project / "pipeline.py").exists():
        _write_pipeline(project, starter, slug, steps)
        return
    for step in added:
        joining.join(project, step)


def _write_pipeline(project: Path, starter: Path, slug: str, steps: Sequence[str]) -> None:
    """Write ``pipeline.py`` and its pictures: the starter's own, or a chain of the steps."""
    module, ready = project / "pipeline.py", starter / "pipeline.py"
    if ready.exists():
        text = render(ready.name, ready.read_text(encoding="utf-8"), {"slug": slug})
        module.write_text(text, encoding="utf-8")
        pictures.copy_ready(project, starter / "docs", slug)
    else:
        module.write_text(chains.pipeline_module(slug, steps), encoding="utf-8")
        pictures.draw_chain(project, slug, [adding.title(step) for step in steps])


def _copy(part: Path, project: Path, steps: Sequence[str]) -> None:
    """Copy a part's files; the tests of a worked example only where its steps all are."""
    examples = {folder.name for folder in part.glob("steps/*")}
    for source in sorted(path for path in part.rglob("*") if path.is_file()):
        name = source.relative_to(part)
        if name.parts[0] in _RENDERED:
            continue
        if name.parts[0] == "tests" and not examples.issubset(steps):
            continue
        target = project / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
