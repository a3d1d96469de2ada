"""A compiled file that no server takes is refused in one line, whatever it is asked for."""

from pathlib import Path

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import compiled_file

HEAD = "# PIPELINE DEFINITION\n# Inputs:\n#    t: str [Default: 'a\n"
WHOLE = "pipelineInfo: {name: x}\nroot: {dag: {tasks: {}}}\nschemaVersion: 2.1.0\nsdkVersion: kfp-2.17.0\n"


def test_a_whole_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(f"{WHOLE}---\nplatforms: {{kubernetes: {{}}}}\n")
    compiled_file.check(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}b']\n{WHOLE}", "pipeline.yaml:5: no valid YAML"),
        (f"{HEAD}b: c']\n{WHOLE}", "has 'b', which is no part of a pipeline"),
        ("", "begins with no pipeline"),
        ("- 1\n", "begins with no pipeline"),
        (f"{WHOLE}---\n{WHOLE}", "has several"),
        (WHOLE.replace("2.1.0", "2.0.0"), "has the schema 2.0.0"),
        (WHOLE.replace("root: {dag: {tasks: {}}}\n", ""), "has no root"),
    ],
)
def test_another_one_is_refused(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    with pytest.raises(WorkbenchError) as caught:
        compiled_file.check(path)
    assert caught.value.status == 2
    assert words in f"{capsys.readouterr().err}{caught.value}"
