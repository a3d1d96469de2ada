"""The files of a generated project."""

from kfp_workbench.scaffold import packing

STEP_FILES = {"Dockerfile", "component.yaml", "main.py", "requirements.txt"}
OTHERS = """
.dockerignore .gitattributes .gitignore .github/workflows/pipeline.yml Makefile README.md pyproject.toml
common/__init__.py common/dsl.py common/signature.py common/step.py common/values.py params/dev.yaml pipeline.py
docs/pipeline.mmd docs/pipeline.svg requirements-dev.in requirements-dev.txt
tests/test_average.py tests/test_pipeline.py
"""
FILES = {
    *OTHERS.split(),
    f"vendor/{packing.pack().name}",
    *(f"templates/step/{name}" for name in STEP_FILES - {"component.yaml"}),
    "templates/tests/test_step.py",
    *(f"steps/{step}/{name}" for step in ("add", "div") for name in STEP_FILES),
}
