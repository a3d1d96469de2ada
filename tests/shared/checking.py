"""Projects that are edited, and what `make check` finds in them."""

from pathlib import Path

from kfp_workbench.check import Finding, check_project

HASH = "--hash=sha256:" + "0" * 64
ADD = "steps/add/component.yaml"
SCRIPT = "steps/add/main.py"
DOCKER = "steps/add/Dockerfile"
LOCK = "steps/add/requirements.txt"
FLAG = '    parser.add_argument("--output"'
ARGS = "      --output, {outputPath: Output},\n"
INPUT = "- {name: context, type: JsonObject, description: What the steps so far have found}\n"
OUTPUT = "- {name: Output, type: JsonObject, description: The context with what this step adds}\n"
USER = "USER 65532:0"
ENTRYPOINT = 'ENTRYPOINT ["python", "main.py"]'
COPY = "COPY steps/add/*.py ./"
LOAD = 'add = load_component_from_file(str(STEPS / "add" / "component.yaml"))'


def edit(project: Path, path: str, old: str, new: str) -> None:
    file = project / path
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    file.parent.mkdir(exist_ok=True)
    assert old in text, "the edit does not fit the project"
    file.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")


def contract(project: Path) -> list[Finding]:
    """Return what is found, but not that the edit made the picture old (test_pictures)."""
    return [finding for finding in check_project(project) if not finding.path.startswith("docs/")]


def report(findings: list[Finding]) -> str:
    return "\n".join(finding.text for finding in findings)
