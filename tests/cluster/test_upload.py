"""`make upload`, against a server that speaks the KFP v2beta1 API."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfp_workbench.cluster import pipelines, server
from kfp_workbench.cluster.credentials import Token
from kfp_workbench.cluster.pipelines import Upload
from kfp_workbench.errors import WorkbenchError
from servers.kfp_server import KfpServer, Request, kfp_server
from shared.baking import make, submitted

NAME = "calculate-average"


@pytest.fixture
def kfp() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running


@pytest.fixture
def own(package: Path, tmp_path: Path) -> Path:
    """Return a compiled pipeline of the test's own."""
    return Path(shutil.copy(package, tmp_path / "pipeline.yaml"))


def run(project: Path, kfp: KfpServer, *arguments: str, **env: str) -> Any:
    settings = {"KFP_HOST": kfp.url, "ALLOW_UNPINNED": "1", **env}
    return make(project, "upload", *arguments, env=settings, timeout=120)


def last(result: Any) -> str:
    """Return the last line that a failed upload printed, make's own aside."""
    assert result.stdout == "" and "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("make:")]
    return str(lines[-1])


def send(package: Path, kfp: KfpServer, namespace: str | None = None, **more: Any) -> Upload:
    """Call the functions behind `make upload`."""
    connected = server.connect(kfp.url, namespace)
    return pipelines.upload(connected, package, name=NAME, **more)


def refused(
    package: Path, kfp: KfpServer, namespace: str | None = None, **more: Any
) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        send(package, kfp, namespace, **more)
    assert "\n" not in str(caught.value)
    return caught.value


def asked(kfp: KfpServer) -> list[str]:
    """Return the requests so far, as method and last word, and forget them."""
    found = [f"{r.method} {r.path.rpartition('/')[2]}" for r in kfp.requests]
    kfp.requests.clear()
    return found


# What is made


def test_the_first_upload_makes_the_pipeline_and_a_version(
    default: Path, package: Path, kfp: KfpServer
) -> None:
    result = run(default, kfp)
    assert result.returncode == 0, result.stderr
    (pipeline,), (version,) = kfp.pipelines, kfp.versions
    name = sha256(package.read_bytes()).hexdigest()[:12]
    assert json.loads(result.stdout) == {
        "pipeline_id": pipeline["pipeline_id"],
        "version_id": version["pipeline_version_id"],
        "version": name,
        "url": f"{kfp.url}/#/pipelines/details/{pipeline['pipeline_id']}"
        f"/version/{version['pipeline_version_id']}",
        "created": True,
    }
    assert result.stderr.splitlines()[-1] == f"uploaded as version {name} of {NAME}"
    assert pipeline["display_name"] == NAME
    assert pipeline["description"] == "Calculates the average of a list of numbers"
    assert (version["pipeline_id"], version["name"]) == (pipeline["pipeline_id"], name)
    sent = version["pipeline_spec"]
    assert sent["pipeline_spec"]["root"] == submitted(default)["pipeline_spec"]["root"]
    assert sent["platform_spec"] == submitted(default)["platform_spec"]
    found = ["GET healthz", f"GET {NAME}", "POST pipelines", "GET versions", "POST upload_version"]
    assert asked(kfp) == found


def test_what_kfps_database_does_not_take_of_a_description_is_left_out(
    own: Path, kfp: KfpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server would answer 500: a default install's connection ends at U+FFFF."""
    text = "\U0001f680 to the moon {{pod.name}} \u2713"
    send(own, kfp, description=text)
    send(own, kfp, description=text)
    assert kfp.pipelines[0]["description"] == "to the moon {{pod.name}} \u2713"
    line = "the pipeline's description without the characters that its database does not take"
    assert capsys.readouterr().err == f"note: KFP gets {line}\n"


def test_the_same_file_is_uploaded_once(default: Path, kfp: KfpServer) -> None:
    first = json.loads(run(default, kfp).stdout)
    kfp.requests.clear()
    result = run(default, kfp)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {**first, "created": False}
    line = f"nothing to upload: it is there, as version {first['version']} of {NAME}"
    assert result.stderr.splitlines()[-1] == line
    assert asked(kfp) == ["GET healthz", f"GET {NAME}", "GET versions"]
    assert len(kfp.pipelines) == len(kfp.versions) == 1


def test_an_environments_caching_is_uploaded_and_makes_another_version(
    project: Path, kfp: KfpServer
) -> None:
    text = "context: {}\n.settings: {caching: false}\n"
    (project / "params" / "prod.yaml").write_text(text)
    versions = {}
    for env, caches in (("dev", True), ("prod", False)):
        answers = [json.loads(run(project, kfp, f"ENV={env}").stdout) for _ in range(2)]
        assert [answer["created"] for answer in answers] == [True, False]
        assert answers[0]["version_id"] == answers[1]["version_id"]
        versions[env] = answers[0]["version"]
        (row,) = [row for row in kfp.versions if row["name"] == versions[env]]
        tasks = row["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"].values()
        assert {task["cachingOptions"].get("enableCache", False) for task in tasks} == {caches}
    assert versions["dev"] != versions["prod"] and len(kfp.versions) == 2


def test_another_content_is_another_version_of_the_pipeline(own: Path, kfp: KfpServer) -> None:
    first = send(own, kfp)
    asked(kfp)
    own.write_text(own.read_text().replace("CORE: 1", "CORE: 2") + "\n# another\n")
    second = send(own, kfp)
    assert second.created and second.pipeline_id == first.pipeline_id
    assert second.version != first.version
    assert asked(kfp) == ["GET healthz", f"GET {NAME}", "GET versions", "POST upload_version"]
    assert [row["name"] for row in kfp.versions] == [first.version, second.version]


def test_the_revision_is_in_the_description(project: Path, kfp: KfpServer) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.com"]
        command = ["git", *identity, "-C", str(project), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def uploaded(description: str) -> str:
        """Upload another content and return what is said of the version."""
        text = pyproject.read_text()
        pyproject.write_text(
            re.sub("(?m)^description = .*", f'description = "{description}"', text)
        )
        if description == "committed":
            git("commit", "--quiet", "--all", "-m", "x")
        assert run(project, kfp).returncode == 0
        return str(kfp.versions[-1]["description"])

    pyproject = project / "pyproject.toml"
    assert uploaded("without git") == ""
    git("init", "--quiet")
    git("add", "--all")
    assert uploaded("before the first commit") == ""
    assert uploaded("committed") == f"git {git('rev-parse', 'HEAD')}"
    assert uploaded("changed since") == f"git {git('rev-parse', 'HEAD')}-dirty"
    assert len(kfp.versions) == 4


def test_a_pipeline_is_made_in_the_namespace_not_shared(default: Path) -> None:
    with kfp_server(multi_user=True, namespaces={"team-a"}) as kfp:
        shared = kfp.add_pipeline(NAME)
        result = run(default, kfp, KFP_NAMESPACE="team-a")
        assert result.returncode == 0, result.stderr
        (made,) = [row for row in kfp.pipelines if row["namespace"] == "team-a"]
        (version,) = kfp.versions
        assert version["pipeline_id"] == made["pipeline_id"] != shared["pipeline_id"]
        page = f"?ns=team-a#/pipelines/details/{made['pipeline_id']}/version/"
        assert page in json.loads(result.stdout)["url"]
        assert json.loads(run(default, kfp, KFP_NAMESPACE="team-a").stdout)["created"] is False


def test_where_there_are_no_namespaces_none_is_sent(package: Path, kfp: KfpServer) -> None:
    send(package, kfp, "team-a")
    assert [row["namespace"] for row in kfp.pipelines] == [""]
    assert not [request for request in kfp.requests if "namespace" in request.query]


def test_a_thousand_pipelines_cost_no_further_request(package: Path, kfp: KfpServer) -> None:
    for number in range(1_000):
        kfp.add_pipeline(f"p{number}")
    pipeline = kfp.add_pipeline(NAME)["pipeline_id"]
    for number in range(1_000):
        name = {"name": f"v{number}", "display_name": f"v{number}"}
        kfp.versions.add({"pipeline_id": pipeline, **name, "pipeline_spec": {}})
    assert send(package, kfp).created
    assert asked(kfp) == ["GET healthz", f"GET {NAME}", "GET versions", "POST upload_version"]
    assert not send(package, kfp).created
    assert asked(kfp) == ["GET healthz", f"GET {NAME}", "GET versions"]


def test_the_client_of_the_sdk_is_not_loaded(package: Path, kfp: KfpServer) -> None:
    """It takes longer to import than all the rest takes."""
    code = (
        "import sys, pathlib; from kfp_workbench.cluster import pipelines, server\n"
        f"s = server.connect({kfp.url!r})\n"
        f"for _ in 'ab': pipelines.upload(s, pathlib.Path({str(package)!r}), name='p')\n"
        "assert 'kubernetes' not in sys.modules"
    )
    folder = package.parent.parent
    python = sys.executable
    subprocess.run([python, "-c", code], cwd=folder, check=True)


# The same, and not the same


@pytest.mark.parametrize("documents", [1, 2])
def test_what_a_server_leaves_out_makes_no_difference(
    own: Path, kfp: KfpServer, documents: int
) -> None:
    """Default values go, and numbers come back as doubles."""
    found = list(yaml.safe_load_all(own.read_text()))[:documents]
    found[0]["root"]["dag"]["tasks"]["add"]["cachingOptions"] = {"enableCache": False}
    found[0]["deploymentSpec"]["n"] = 1
    own.write_text(yaml.safe_dump_all(found))
    send(own, kfp)
    (row,) = kfp.versions
    assert ("platform_spec" in row["pipeline_spec"]) == (documents == 2)
    spec = row["pipeline_spec"].get("pipeline_spec", row["pipeline_spec"])
    assert spec["root"]["dag"]["tasks"]["add"]["cachingOptions"] == {}
    assert isinstance(spec["deploymentSpec"]["n"], float) or spec["deploymentSpec"]["n"] == 1
    assert not send(own, kfp).created


@pytest.mark.parametrize("place", ["root", "platform_spec"])
def test_another_pipeline_of_the_versions_name_stops_it(
    own: Path, kfp: KfpServer, place: str
) -> None:
    version = send(own, kfp).version
    (row,) = kfp.versions
    if place == "root":
        row["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"].popitem()
    else:
        row["pipeline_spec"].pop("platform_spec")
    before = json.dumps(row, default=str)
    error = refused(own, kfp)
    assert error.status == 1
    assert str(error) == (
        f"{kfp.url}: '{NAME}' has a version '{version}' that is another pipeline than "
        "pipeline.yaml, whose content it is named for: delete it there"
    )
    assert json.dumps(row, default=str) == before and len(kfp.versions) == 1


@pytest.mark.parametrize("spec", [None, {}, {"root": 1}])
def test_a_version_that_holds_no_pipeline_stops_it(own: Path, kfp: KfpServer, spec: Any) -> None:
    send(own, kfp)
    kfp.versions[0]["pipeline_spec"] = spec
    assert "that is another pipeline than pipeline.yaml" in str(refused(own, kfp))


# Refused before anything is sent


def test_images_that_were_not_pushed_are_refused(default: Path, kfp: KfpServer) -> None:
    result = run(default, kfp, ALLOW_UNPINNED="")
    assert result.returncode == 2  # make's own
    assert last(result) == "error: build/pipeline.yaml: 2 images do not fit, see above"
    assert "make push" in result.stderr and kfp.requests == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("", "pipeline '' has 0 characters: use 1 to 128"),
        ("p" * 129, "has 129 characters: use 1 to 128"),
    ],
)
def test_a_name_that_the_server_has_no_room_for(
    package: Path, kfp: KfpServer, name: str, line: str
) -> None:
    connected = server.connect(kfp.url)
    kfp.requests.clear()
    with pytest.raises(WorkbenchError, match=line) as caught:
        pipelines.upload(connected, package, name=name)
    assert caught.value.status == 2 and kfp.requests == []


def test_a_file_that_is_too_large(
    own: Path, kfp: KfpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines, "MAX_FILE", 100)
    error = refused(own, kfp)
    assert str(error) == "pipeline.yaml is larger than the 100 bytes that KFP reads"
    assert error.status == 2 and asked(kfp) == ["GET healthz"]


# Faults


@pytest.mark.parametrize("fault", ["lost", "torn", "replaced", "504"])
@pytest.mark.parametrize("at", ["/pipelines", "/upload_version"])
def test_a_lost_answer_makes_nothing_twice(
    package: Path, kfp: KfpServer, fault: str, at: str
) -> None:
    """A gateway's 504 says no more of what became of the request than silence does."""
    if fault == "504":
        kfp.before = carried_out_elsewhere(kfp, package, at)
    kfp.fail(fault, at, method="POST", times=1)
    uploaded = send(package, kfp)
    assert uploaded.created
    assert [row["pipeline_id"] for row in kfp.pipelines] == [uploaded.pipeline_id]
    assert [row["pipeline_version_id"] for row in kfp.versions] == [uploaded.version_id]
    assert len(kfp.calls("POST", at)) == (2 if at == "/pipelines" else 1)  # both have that path
    assert not send(package, kfp).created


def carried_out_elsewhere(kfp: KfpServer, package: Path, at: str) -> Any:
    """Return what does the work of a POST before it is answered, as another client would."""

    def before(request: Request) -> None:
        if request.method != "POST" or not request.path.endswith(at):
            return
        kfp.before = None
        if at == "/pipelines":
            kfp.add_pipeline(NAME)
        else:
            elsewhere = kfp.pipelines[0]["pipeline_id"]
            name = pipelines.version_name(package)
            spec = submitted(package.parent.parent)
            names = {"name": name, "display_name": name}
            kfp.versions.add({"pipeline_id": elsewhere, **names, "pipeline_spec": spec})

    return before


@pytest.mark.parametrize("at", ["/pipelines", "/upload_version"])
def test_somebody_who_was_faster_is_no_error(package: Path, kfp: KfpServer, at: str) -> None:
    kfp.before = carried_out_elsewhere(kfp, package, at)
    uploaded = send(package, kfp)
    assert uploaded.created is (at == "/pipelines")
    assert len(kfp.pipelines) == len(kfp.versions) == 1


def test_somebody_who_was_faster_with_another_pipeline_is(package: Path, kfp: KfpServer) -> None:
    work = carried_out_elsewhere(kfp, package, "/upload_version")

    def before(request: Request) -> None:
        work(request)
        for row in kfp.versions:
            row["pipeline_spec"] = {"root": {}}

    kfp.before = before
    assert "that is another pipeline than" in str(refused(package, kfp))


@pytest.mark.parametrize("what", ["pipeline", "version"])
def test_what_a_crash_of_the_server_left_is_said(package: Path, kfp: KfpServer, what: str) -> None:
    name = pipelines.version_name(package)
    made = kfp.add_pipeline(NAME, hidden=what == "pipeline")["pipeline_id"]
    names = {"name": name, "display_name": name, "hidden": True}
    kfp.versions.add({"pipeline_id": made, **names, "pipeline_spec": {}})
    shown = {"pipeline": f"pipeline '{NAME}'", "version": f"version {name}"}[what]
    line = f"{kfp.url} has a {shown} that it does not show, as after a crash: ask its administrator"
    assert str(refused(package, kfp)).startswith(line)


def test_an_upload_that_was_broken_off_goes_on(package: Path, kfp: KfpServer) -> None:
    kfp.fail("500", "/upload_version", times=1)
    assert "no version" in str(refused(package, kfp))
    assert len(kfp.pipelines) == 1 and len(kfp.versions) == 0
    assert send(package, kfp).created
    assert len(kfp.pipelines) == len(kfp.versions) == 1


@pytest.mark.parametrize("at", ["/names/", "/versions", "/pipelines", "/upload_version"])
@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("401", "asks for a login (401): set KFP_TOKEN"),
        ("403", "403: the server says 403): ask for access"),
        ("429", "it has too much to do (429: the server says 429)"),
        ("500", "the server failed (500: the server says 500)"),
        ("reset", "the connection broke"),
        ("html", "its answer is not KFP's"),
        ("empty", ""),
        ("broken", "its answer is not KFP's"),
        ("redirect", "redirects (302), as a login page does"),
    ],
)
def test_faults_leave_no_version_behind(
    package: Path, kfp: KfpServer, at: str, fault: str, line: str
) -> None:
    method = "POST" if at in ("/pipelines", "/upload_version") else "GET"
    kfp.fail(fault, at, method=method)
    if fault == "empty" and at == "/versions":
        assert send(package, kfp).created, "that is what a listing of nothing looks like"
        return
    error = refused(package, kfp)
    assert error.status == 1 and line in str(error) and kfp.url in str(error)
    assert len(kfp.versions) == 0 and len(kfp.pipelines) == (at in ("/versions", "/upload_version"))
    assert "/login" not in [request.path for request in kfp.requests]


def test_a_refused_upload_may_be_a_lack_of_access(package: Path, kfp: KfpServer) -> None:
    kfp.fail("400", "/upload_version")
    error = refused(package, kfp)
    assert str(error).endswith(
        "it refused (400: the server says 400): if others can, ask for access to the server"
    )


def test_what_is_seen_on_the_command_line(default: Path, kfp: KfpServer) -> None:
    kfp.fail("500", "/upload_version")
    result = run(default, kfp)
    assert result.returncode == 2, "make's status for a recipe that failed"
    name = pipelines.version_name(default / "build" / "pipeline.yaml")
    assert last(result) == (
        f"error: cannot upload the version to {kfp.url}: the server failed (500: the server says "
        f"500): see its log, try again; no version {name} is there: try again"
    )


def test_a_token_is_sent_and_not_shown(package: Path) -> None:
    with kfp_server(token="s3cret") as kfp:
        kfp.fail("400", "/upload_version", echo=True)
        connected = server.connect(kfp.url, None, Token("s3cret"))
        with pytest.raises(WorkbenchError) as caught:
            pipelines.upload(connected, package, name=NAME)
        assert "Bearer ***" in str(caught.value) and "s3cret" not in str(caught.value)
        assert {r.headers["authorization"] for r in kfp.requests} == {"Bearer s3cret"}


# The version that runs take


def test_the_newest_version_is_the_default(default: Path, kfp: KfpServer) -> None:
    result = run(default, kfp, "ARGS=--set-default")
    assert result.returncode == 0, result.stderr
    assert "note: KFP v2 takes the newest version by default, which is this" in result.stderr
    assert json.loads(result.stdout)["created"] is True


def test_an_older_version_cannot_be_made_the_default(own: Path, kfp: KfpServer) -> None:
    first = send(own, kfp, set_default=True)
    text = own.read_text()
    own.write_text(text + "\n# newer\n")
    second = send(own, kfp, set_default=True)
    own.write_text(text)
    kfp.requests.clear()
    error = refused(own, kfp, set_default=True)
    assert error.status == 1
    assert str(error) == (
        "--set-default: KFP v2 has no default version to set, it takes the newest, "
        f"'{second.version}', not {first.version}: delete the newer ones, or name this one in runs"
    )
    assert asked(kfp) == ["GET healthz", f"GET {NAME}", "GET versions", "GET versions"]
    assert len(kfp.versions) == 2
