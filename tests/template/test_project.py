"""The make targets of a generated project, without an engine: what they do, what they refuse."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfp_workbench.local import running, venvs
from kfp_workbench.project import secrecy, steps
from shared.baking import compiled, environment, files_of, make
from shared.by_hand import write_by_hand

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
AVERAGE = {"Output": {"numbers": [1.0, 2.0, 3.0, 4.0], "sum": 10.0, "average": 2.5}}


def local(project: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return make(project, "local", "RUNNER=process", *arguments, env={**NO_ENGINE, **env})


def run_ops(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Call a verb without make, in the environment of these tests."""
    command = [sys.executable, "-m", "kfp_workbench", *words]
    return subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True)


def last_line(result: "subprocess.CompletedProcess[str]") -> str:
    """Return the last line on stderr but make's own, the report's path, and how to debug a step."""
    lines = [*result.stderr.splitlines()]
    lines = [line for line in lines if not line.startswith(("make:", "to debug it: make debug "))]
    return [line for line in lines if not line.endswith("/build/report.html")][-1]


def write_params(project: Path, context: Any) -> None:
    text = yaml.safe_dump({"context": context})
    (project / "params" / "dev.yaml").write_text(text, encoding="utf-8")


# local


def test_local_prints_the_result_alone_on_stdout(default: Path) -> None:
    result = make(default, "local", env=NO_ENGINE)
    assert result.returncode == 0
    assert json.loads(result.stdout) == AVERAGE
    assert "running calculate-average as processes" in result.stderr


def test_the_runner_is_auto_process_or_docker(default: Path) -> None:
    result = make(default, "local", "RUNNER=docker", env=NO_ENGINE)
    assert result.returncode != 0 and result.stdout == ""
    assert last_line(result) == (
        "error: no container engine answers ([Errno 2] No such file or directory): "
        "start one, or use RUNNER=process"
    )
    assert make(default, "local", "RUNNER=cluster").returncode != 0


@pytest.mark.parametrize(
    ("numbers", "average"),
    [
        ([7], 7.0),
        ([-3, 1.5], -0.75),
        ([10**30, 10**30], 1e30),
        ([1e308, -1e308], 0.0),
        (list(range(1, 100_001)), 50000.5),
    ],
    ids=["one", "negative", "huge", "floats", "many"],
)
def test_numbers_of_all_kinds(project: Path, numbers: list[Any], average: float) -> None:
    write_params(project, {"numbers": numbers})
    result = local(project)
    assert result.returncode == 0, result.stderr[-2000:]
    assert json.loads(result.stdout)["Output"]["average"] == average
    note = "add: is given more than 128 KiB as one argument: a cluster would fail it, pass a file\n"
    assert (note in result.stderr) is (len(numbers) == 100_000)


@pytest.mark.parametrize(
    ("context", "line"),
    [
        ({"numbers": []}, "add: context: numbers: expected a list with at least one number"),
        ({"numbers": [1, "2"]}, "add: context: numbers[1]: '2' is not a number"),
        ({"numbers": [1, True]}, "add: context: numbers[1]: True is not a number"),
        ({"numbers": "1"}, "add: context: numbers: expected a list with at least one number"),
        ({}, "add: context: numbers: expected a list with at least one number"),
    ],
)
def test_a_failed_step_gives_its_reason_on_the_last_screen(
    project: Path, context: Any, line: str
) -> None:
    write_params(project, context)
    result = local(project)
    assert result.returncode != 0 and result.stdout == ""
    assert any(text.endswith(f"| {line}") for text in result.stderr.splitlines()[-6:])
    assert last_line(result).startswith("error: step add failed with exit status 2: all it said")
    assert "div: started" not in result.stderr


def test_hostile_text_reaches_the_step_intact(project: Path) -> None:
    text = 'it\'s "x" $HOME `id` \\ {{ x }} é \u2713\n--output /tmp/x'
    write_params(project, {"numbers": [1], "text": text})
    assert json.loads(local(project).stdout)["Output"]["text"] == text


def test_steps_have_the_environments_that_they_need(project: Path) -> None:
    """Made once; one for all steps with the same requirements; removed when none needs it."""
    imports = ("import logging", "import logging\n\nimport six")
    for step in ("add", "div"):
        (project / "steps" / step / "requirements.txt").write_text("six==1.17.0\n")
        script = project / "steps" / step / "main.py"
        script.write_text(script.read_text().replace(*imports))
    first = local(project)
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("add: installing steps/add/requirements.txt") == 1
    assert "div: installing" not in first.stderr
    (made,) = (path.parent for path in (project / "build" / "venvs").glob("*/made-by-make.json"))
    when = (made / "pyvenv.cfg").stat().st_mtime_ns
    assert "installing" not in local(project).stderr
    assert (made / "pyvenv.cfg").stat().st_mtime_ns == when
    (project / "steps" / "add" / "requirements.txt").write_text("six==1.16.0\n")
    assert "add: installing" in local(project).stderr
    for step, version in (("add", "1.16.0"), ("div", "1.17.0")):
        python = venvs.python_folder(steps.get_step(step, project), project) / "python"
        code = "import six; print(six.__version__)"
        result = subprocess.run([python, "-c", code], capture_output=True, text=True)
        assert result.stdout.strip() == version
    (project / "steps" / "div" / "requirements.txt").write_text("no-such-package-at-all==1\n")
    result = local(project)
    assert result.returncode != 0
    assert last_line(result).startswith("error: steps/div/requirements.txt: ERROR: ")
    assert not made.exists(), "no step needs it"


def test_the_process_gets_the_command_line_of_the_container(project: Path) -> None:
    script = project / "steps" / "add" / "main.py"
    probe = "import sys\nprint('argv', sys.argv, flush=True)\nimport logging\n"
    script.write_text(script.read_text().replace("import logging\n", probe, 1))
    result = local(project)
    found = re.search(r"add \| argv (.+)", result.stderr)
    assert found is not None
    argv = found.group(1)
    executors = compiled(project)["deploymentSpec"]["executors"]
    container = executors["exec-add"]["container"]
    assert container["command"] == ["python", "main.py"]
    flags = [word for word in container["args"] if not word.startswith("{{")]
    assert re.fullmatch(rf"\['main.py', '{flags[0]}', '{{.*}}'\]", argv)


@pytest.mark.parametrize(
    ("words", "number", "status"),
    [
        (
            [sys.executable, "-m", "kfp_workbench", "local", "--runner", "process"],
            signal.SIGINT,
            130,
        ),
        (["make", "-s", "local", "RUNNER=process"], signal.SIGTERM, -signal.SIGTERM),
    ],
    ids=["ctrl-c", "make-is-ended"],
)
def test_an_interrupted_run_ends_its_steps(
    project: Path, words: list[str], number: int, status: int
) -> None:
    script = project / "steps" / "add" / "main.py"
    sleep = "import time\nprint('asleep', flush=True)\ntime.sleep(600)\nimport logging\n"
    script.write_text(script.read_text().replace("import logging\n", sleep, 1))
    assert make(project, "compile").returncode == 0
    if words[0] == "make":
        words = [*words, f"USE_VENV={sys.prefix}"]
    with subprocess.Popen(
        words,
        cwd=project,
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stderr is not None
        while "asleep" not in (line := run.stderr.readline()):
            assert line
        run.send_signal(number)
        try:
            out, err = run.communicate(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == status and out == ""
    (error,) = re.findall("^error: .*", err, re.M)
    assert error == "error: interrupted; everything that was started is ended"
    time.sleep(0.2)
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(project) not in processes


LEAVES_A_CHILD = """
import subprocess
subprocess.Popen(["sleep", "60"], start_new_session=True)
"""


def test_what_a_step_leaves_running_does_not_hold_the_run(project: Path) -> None:
    script = project / "steps" / "add" / "main.py"
    script.write_text(
        script.read_text().replace("import logging\n", f"import logging\n{LEAVES_A_CHILD}")
    )
    began = time.monotonic()
    assert local(project).returncode == 0
    assert time.monotonic() - began < 30


def test_an_output_that_was_never_written_is_a_failure(project: Path) -> None:
    """By a step in any language, which its own runtime does not hold to it."""
    script = write_by_hand(project) / "steps" / "add" / "main.py"
    lines = script.read_text().splitlines(keepends=True)
    script.write_text("".join(line for line in lines if "args.output.write_text" not in line))
    result = local(project)
    assert result.returncode != 0 and result.stdout == ""
    said = "error: step add: it ended well, but never wrote its output 'output': all it said is in "
    assert last_line(result).startswith(said)


def test_a_steps_last_words_are_not_said_twice(project: Path) -> None:
    write_params(project, {})
    result = local(project)
    assert result.stderr.count("expected a list with at least one number") == 1
    assert "all it said is in build/local/" in last_line(result)


def test_first_runs_at_the_same_time(project: Path) -> None:
    """Each makes the steps' environments, if no other has."""
    assert make(project, "compile").returncode == 0
    with ThreadPoolExecutor(3) as pool:
        results = list(
            pool.map(lambda _: run_ops(project, "local", "--runner", "process"), range(3))
        )
    assert [result.returncode for result in results] == [0, 0, 0], results


def test_no_secret_reaches_the_steps(project: Path) -> None:
    """Nor by way of make, which keeps its command line for its children."""
    script = project / "steps" / "add" / "main.py"
    text = script.read_text()
    script.write_text(
        text.replace("import logging\n", "import logging\nimport os\nprint(os.environ)\n")
    )
    environ = dict.fromkeys(secrecy.SIGN_IN, "s3cr3t")
    result = make(project, "local", "KFP_TOKEN=s3cr3t", env={**NO_ENGINE, **environ})
    assert result.returncode == 0 and "environ" in result.stderr
    assert "s3cr3t" not in result.stderr
    assert not [path for path in project.rglob("*.log") if "s3cr3t" in path.read_text()]


def test_a_whole_number_is_a_number(project: Path) -> None:
    """A parameter of type float takes 3, from a file and from the command line."""
    module = project / "pipeline.py"
    text = module.read_text().replace("(context: dict)", "(context: dict, factor: float = 1.0)")
    module.write_text(text)
    with (project / "params" / "dev.yaml").open("a") as file:
        file.write("factor: 3\n")
    assert local(project).returncode == 0
    assert local(project, "ARGS=-p factor=5").returncode == 0


def test_only_the_last_runs_are_kept(project: Path) -> None:
    for number in range(30):
        (project / "build" / "local" / f"20200101-000000-{number:06d}").mkdir(parents=True)
    assert local(project).returncode == 0
    kept = sorted(path.name for path in (project / "build" / "local").iterdir())
    assert len(kept) == running.KEPT and kept[0].endswith("000011")


def test_two_steps_with_one_image_are_refused(project: Path) -> None:
    component = write_by_hand(project) / "steps" / "add" / "component.yaml"
    component.write_text(component.read_text().replace('average/add"', 'average/div"'))
    result = make(project, "compile")
    assert result.returncode != 0
    assert "localhost:5000/calculate-average/div is another step's image too" in result.stderr


def test_a_pipeline_that_exits_is_a_failure(project: Path) -> None:
    (project / "pipeline.py").write_text("import sys\nsys.exit(0)\n")
    result = make(project, "compile")
    assert result.returncode != 0 and "pipeline.py:2: SystemExit: 0" in result.stderr


def test_a_step_without_a_name(project: Path) -> None:
    assert "error: NAME= is missing: make step NAME=scale" in make(project, "step").stderr


@pytest.mark.parametrize(
    "name", ["REGISTRY", "KFP_HOST", "KFP_TOKEN", "PLATFORM", "ENV", "NAME", "FIX", "ALL"]
)
def test_make_runs_nothing_that_a_variable_holds(project: Path, name: str) -> None:
    for value in ("$(shell touch pwned)", "$$(touch pwned)", "`touch pwned`", "'; touch pwned; '"):
        make(project, "compile", f"{name}={value}")
        make(project, "local", f"{name}={value}", env=NO_ENGINE)
    assert not (project / "pwned").exists()


def test_variables_of_the_command_line_arrive(project: Path) -> None:
    assert make(project, "compile", "REGISTRY=localhost:5000/elsewhere").returncode == 0
    assert "localhost:5000/elsewhere/add" in (project / "build" / "pipeline.yaml").read_text()


def test_a_foreign_image_needs_an_engine(project: Path) -> None:
    module = project / "pipeline.py"
    lines = """
@dsl.container_component
def foreign():
    return dsl.ContainerSpec(image="alpine:3", command=["true"])
"""
    text = module.read_text().replace("\n\n@dsl.pipeline", f"\n{lines}\n\n@dsl.pipeline")
    module.write_text(text.replace("    add_task = ", "    foreign()\n    add_task = "))
    result = local(project)
    assert result.returncode != 0
    assert (
        "alpine:3 is no image of this project, and cannot run as a process: use RUNNER=docker"
        in result.stderr
    )


def test_what_a_step_leaves_running_ends_with_it(project: Path) -> None:
    """As it would in a container; the run does not wait for it."""
    script = project / "steps" / "add" / "main.py"
    child = "import sys\nimport subprocess\nsubprocess.Popen(['sleep', '987'])\n"
    script.write_text(script.read_text().replace("import sys\n", child, 1))
    result = local(project)
    assert result.returncode == 0 and json.loads(result.stdout) == AVERAGE
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert "sleep 987" not in processes


def test_any_output_of_a_step_is_shown(project: Path) -> None:
    script = project / "steps" / "add" / "main.py"
    noise = "import sys\nsys.stdout.buffer.write(b'\\xff\\x00' + b'x' * 10**7 + b'\\nlast')\nimport logging\n"
    script.write_text(script.read_text().replace("import logging\n", noise, 1))
    result = local(project)
    assert result.returncode == 0 and json.loads(result.stdout) == AVERAGE
    assert "add | last" in result.stderr


def test_the_result_is_alone_on_stdout(project: Path) -> None:
    module = project / "pipeline.py"
    noise = "import os\nprint('noise')\nos.write(1, b'noise')\nos.system('echo noise')\n"
    module.write_text(module.read_text().replace("from pathlib", f"{noise}from pathlib", 1))
    result = local(project)
    assert result.returncode == 0 and "noise" in result.stderr
    assert json.loads(result.stdout) == AVERAGE


def test_an_image_of_another_registry_stays_as_it_is(project: Path) -> None:
    foreign = "ghcr.io/other/add:1.0"
    component = (project / "steps" / "add" / "component.yaml").read_text()
    named = re.sub(r"image: .*", f"image: {foreign}", component)
    (project / "foreign.yaml").write_text(named)
    module = project / "pipeline.py"
    text = module.read_text().replace(
        'STEPS / "add" / "component.yaml"', 'STEPS.parent / "foreign.yaml"'
    )
    module.write_text(text)
    assert make(project, "compile").returncode == 0
    executors = compiled(project)["deploymentSpec"]["executors"]
    assert executors["exec-add"]["container"]["image"] == foreign


# compile


def test_compiling_twice_gives_the_same_bytes_with_pinned_tags(default: Path) -> None:
    assert make(default, "compile").returncode == 0
    package = default / "build" / "pipeline.yaml"
    first = package.read_bytes()
    assert make(default, "compile").returncode == 0
    assert package.read_bytes() == first
    for name, executor in compiled(default)["deploymentSpec"]["executors"].items():
        step = name.removeprefix("exec-")
        pattern = rf"localhost:5000/calculate-average/{step}:[0-9a-f]{{16}}"
        assert re.fullmatch(pattern, executor["container"]["image"])


def test_the_registry_of_the_environment_wins(default: Path) -> None:
    result = make(default, "compile", env={"REGISTRY": "ghcr.io/team"})
    assert result.returncode == 0, result.stderr
    container = compiled(default)["deploymentSpec"]["executors"]["exec-add"]["container"]
    assert container["image"].startswith("ghcr.io/team/add:")
    result = make(default, "compile", env={"REGISTRY": "http://x"})
    assert result.returncode != 0
    assert last_line(result).startswith("error: REGISTRY: 'http://x' has a scheme")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def", "error: pipeline.py:1: SyntaxError"),
        ("x = 1", "error: pipeline.py: define @dsl.pipeline"),
        ("import nowhere", "error: pipeline.py:1: ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_a_broken_pipeline_module_is_one_line(project: Path, text: str, line: str) -> None:
    make(project, "compile")
    before = files_of(project / "build")
    (project / "pipeline.py").write_text(text)
    result = make(project, "compile")
    assert result.returncode != 0 and last_line(result).startswith(line)
    assert files_of(project / "build") == before


def test_compiling_does_not_load_the_client(project: Path) -> None:
    code = (
        "import sys, runpy\nsys.argv = ['kfp_workbench', 'compile']\n"
        "try:\n    runpy.run_module('kfp_workbench', run_name='__main__')\n"
        "except SystemExit as stop:\n    assert not stop.code\n"
        "assert 'kubernetes' not in sys.modules and 'kfp_server_api' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=project, check=True, env=environment())


# step


def test_a_step_is_added_like_the_others(project: Path) -> None:
    result = make(project, "step", "NAME=Scale up")
    assert result.returncode == 0, result.stderr
    files = files_of(project / "steps" / "scale_up")
    assert set(files) == set(files_of(project / "steps" / "add"))
    component = yaml.safe_load(files["component.yaml"])
    assert component["implementation"]["container"]["image"].endswith("/scale-up")
    assert "pipeline.py: added at its end: scale_up(context=div_task.output)" in result.stderr
    assert json.loads(local(project).stdout) == AVERAGE
    for target in ("lint", "test"):
        result = make(project, target, env=NO_ENGINE)
        assert result.returncode == 0, result.stdout


def kept(project: Path) -> dict[str, bytes]:
    """Return the files of a project, without environments and what make notes of them."""
    made = ("build/venvs/", "build/setup-")
    return {name: data for name, data in files_of(project).items() if not name.startswith(made)}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("add", "steps/add exists already and was not touched"),
        ("Add", "steps/add exists already and was not touched"),
        ("json", "step: 'json' would shadow"),
        ("step", "step: 'step' would shadow"),
        ("add_task", "step: 'add_task' is a parameter or a task in pipeline.py"),
        ("", "NAME= is missing"),
        ("../x", "step: '../x' is not a valid name"),
        ("$(shell touch pwned)", "is not a valid name"),
        ("`touch pwned`", "is not a valid name"),
    ],
)
def test_an_unfit_step_is_refused_and_nothing_is_made(project: Path, name: str, line: str) -> None:
    before = files_of(project)
    result = make(project, "step", f"NAME={name}")
    assert result.returncode != 0 and line in last_line(result)
    assert kept(project) == before


def test_a_team_can_change_what_a_new_step_is_made_of(project: Path) -> None:
    template = project / "templates" / "step"
    (template / "NOTES.md").write_text("# {{ title }}\n")
    assert make(project, "step", "NAME=scale up").returncode == 0
    assert (project / "steps" / "scale_up" / "NOTES.md").read_text() == "# Scale up\n"
    (template / "NOTES.md").write_text("# {{ tilte }}\n")
    before = files_of(project)
    line = "error: templates/step/NOTES.md: 'tilte' is undefined: mend it; it may use {{ step }}, "
    result = make(project, "step", "NAME=scale")
    assert result.returncode != 0 and last_line(result).startswith(line)
    assert files_of(project) == before


# images


def test_a_missing_engine_is_one_line(default: Path) -> None:
    result = make(default, "build", "DOCKER=no-such-engine")
    assert result.returncode != 0
    assert result.stderr.count("cannot call 'no-such-engine'") == 1 and "DOCKER=" in result.stderr
    assert "error: 2 of 2 images could not be built: add, div: " in result.stderr


def test_clean_leaves_what_cannot_be_made_again(project: Path) -> None:
    before = files_of(project)
    assert local(project).returncode == 0
    assert make(project, "clean").returncode == 0
    assert kept(project) == before


def test_a_step_that_was_lost_is_not_wired_twice(project: Path) -> None:
    shutil.rmtree(project / "steps" / "div")
    before = (project / "pipeline.py").read_text()
    result = make(project, "step", "NAME=div")
    assert result.returncode == 0 and "pipeline.py: runs it already" in result.stderr
    assert (project / "pipeline.py").read_text() == before


def test_nohup_keeps_a_run_alive(project: Path) -> None:
    """Whoever ignores a hangup goes on after it."""
    script = project / "steps" / "add" / "main.py"
    text = script.read_text()
    hangup = "import os\nimport signal\nos.kill(os.getppid(), signal.SIGHUP)\n"
    script.write_text(text.replace("import logging\n", f"import logging\n{hangup}", 1))
    assert make(project, "compile").returncode == 0
    command = [sys.executable, "-m", "kfp_workbench", "local", "--runner", "process"]
    for words, status in ((["nohup", *command], 0), (command, 130)):
        result = subprocess.run(words, cwd=project, env=environment(), capture_output=True)
        assert result.returncode == status, result.stderr
