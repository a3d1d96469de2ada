"""What a new step takes and makes of which nothing is said: what the project's other steps do."""

from collections import Counter
from pathlib import Path

from kfp_workbench.scaffold import interfaces, sources
from kfp_workbench.scaffold.modules import PipelineModule, UnfitError
from kfp_workbench.scaffold.ports import Port, Ports


def ports(root: Path) -> Ports | None:
    """Return an artifact to read, of the type that most steps read, and one to write.

    None where the steps hand a value on from one to the next, as the template of a step does, and
    where no task makes an artifact of such a type.
    """
    steps = interfaces.of_steps(root)
    if any(sources.hands_on(each, port) for each in steps.values() for port in each.inputs):
        return None
    try:
        module = PipelineModule((root / "pipeline.py").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, UnfitError):
        return None
    read = Counter(port.kind for each in steps.values() for port in each.inputs if port.is_artifact)
    made = [item.port for item in module.made(steps)]
    for kind, _ in read.most_common():
        for port in made:
            if port.kind == kind and not port.is_list:
                name = "result" if port.name != "result" else "made"
                return Ports([Port(port.name, kind)], [Port(name, kind)])
    return None
