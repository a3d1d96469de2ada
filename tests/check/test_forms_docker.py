"""Components in the forms that people write run in containers, too."""

import json
from pathlib import Path
from typing import Any

from shared.baking import make
from shared.forms import expected, make_project, read_forms


def test_forms_run_in_containers(tmp_path: Path, client: Any) -> None:
    forms = read_forms()
    project = make_project(tmp_path, forms)
    result = make(project, "build", "-j2", timeout=1800)
    assert result.returncode == 0, result.stderr
    result = make(project, "local", "RUNNER=docker", timeout=1800)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == expected(forms)
    assert all(form.log in result.stderr for form in forms.values())
