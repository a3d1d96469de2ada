"""What schedules become on a server: what is planned, and done, in this process."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.cluster import schedule_requests, schedules, scheduling
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.schedules import Live, Wanted
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import settings as project_settings
from servers.kfp_server import KfpServer, Moment, kfp_server
from shared.schedules import NIGHTLY, Project, add_foreign, crons, request_of, rows_of


def test_each_verb(server: KfpServer, wanted: Callable[..., Wanted]) -> None:
    ours, foreign = Project(server.url), add_foreign(server)
    assert ours.apply(wanted(), wanted("b")) == ["create", "create"]
    first = rows_of(server)[0]["recurring_run_id"]
    assert ours.apply(wanted(enabled=False), wanted("b")) == ["disable", "keep"]
    assert rows_of(server)[0]["mode"] == "DISABLE"
    assert ours.apply(wanted(), wanted("b")) == ["enable", "keep"]
    assert [row["recurring_run_id"] for row in rows_of(server, on=True)] == [first]
    assert ours.apply(wanted(cron="0 0 4 * * *"), wanted("b")) == ["replace", "keep"]
    assert crons(rows_of(server)) == ["0 0 4 * * *"]
    assert ours.apply(wanted(cron="0 0 4 * * *")) == ["keep", "delete"]
    assert not rows_of(server, "b")
    assert ours.said == [
        *("nightly: created", "b: created", "nightly: disabled", "nightly: enabled"),
        *("nightly: replaced", "b: deleted"),
    ]
    assert [row for row in server.schedules if row in foreign] == foreign
    assert len(server.schedules) == 5 and not server.ghosts


@pytest.mark.parametrize(
    "more",
    [
        {"cron": None, "every": 60},
        {"parameters": {"n": 2}},
        {"parameters": {"password": "s3cret"}},
        {"max_concurrency": 2},
        {"catch_up": True},
        {"start": "2036-01-01T00:00:00Z"},
        {"end": "2036-01-01T00:00:00Z"},
        {"experiment": "other"},
        {"service_account": "robot"},
        {"env": "prod"},
    ],
    ids=lambda more: "-".join(more),
)
def test_whatever_changes_makes_another_schedule(
    server: KfpServer, wanted: Callable[..., Wanted], more: Any
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    assert ours.apply(wanted(**more)) == ["replace"]
    assert ours.apply(wanted(**more)) == ["keep"]
    assert len(server.schedules) == 1


def test_another_pipeline_makes_another_schedule(
    server: KfpServer, wanted: Callable[..., Wanted], small: Path, tmp_path: Path
) -> None:
    ours, other = Project(server.url), tmp_path / "pipeline.yaml"
    other.write_text(f"{small.read_text()}defaultPipelineRoot: x\n")
    ours.apply(wanted())
    assert ours.apply(wanted(package=other)) == ["replace"]
    assert server.schedules[0]["pipeline_spec"]["defaultPipelineRoot"] == "x"


def test_a_platform_spec_goes_along(
    server: KfpServer, wanted: Callable[..., Wanted], small: Path, tmp_path: Path
) -> None:
    both = tmp_path / "pipeline.yaml"
    both.write_text(
        f"{small.read_text()}---\nplatforms: {{kubernetes: {{deploymentSpec: {{}}}}}}\n"
    )
    Project(server.url).apply(wanted(package=both))
    assert server.schedules[0]["pipeline_spec"]["platform_spec"] == {
        "platforms": {"kubernetes": {"deploymentSpec": {}}}
    }


def test_secrets_are_in_no_message(
    server: KfpServer, wanted: Callable[..., Wanted], capsys: pytest.CaptureFixture[str]
) -> None:
    ours = Project(server.url)
    ours.apply(wanted(parameters={"password": "s3cret"}))
    (row,) = server.schedules
    assert row["runtime_config"] == {"parameters": {"password": "s3cret"}}
    (live,) = schedules.listed(ours.server, ours.owner)
    assert schedules.changed_parameters(wanted(), live) == ["password"]
    assert "s3cret" not in row["description"] + str(ours.said) + "".join(capsys.readouterr())


def test_a_running_workflow_is_never_killed(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    run = server.add_run(
        [Moment("RUNNING")], recurring_run_id=server.schedules[0]["recurring_run_id"]
    )
    ours.apply(wanted(cron="0 0 4 * * *"))
    ours.apply()
    assert len(server.schedules) == 0 and server.killed == [] and run["state"] == "RUNNING"


@pytest.mark.parametrize("version", ["2.15.2", "2.5.0", "", "dev-build"])
def test_a_server_that_would_kill_is_asked_to_delete_nothing(
    version: str, wanted: Callable[..., Wanted]
) -> None:
    with kfp_server(version=version) as server:
        ours = Project(server.url)
        ours.apply(wanted())
        run = server.add_run(
            [Moment("RUNNING")], recurring_run_id=server.schedules[0]["recurring_run_id"]
        )
        assert ours.apply(wanted(cron="0 0 4 * * *")) == ["replace"]
        assert ours.apply(wanted(cron="0 0 4 * * *")) == ["keep"], "what is disabled is gone"
        assert crons(rows_of(server, on=False)) == ["0 0 3 * * *"]
        assert ours.apply(wanted()) == ["replace"], "one that was disabled would make up for it"
        assert ours.apply() == ["delete"] and ours.apply() == []
        assert len(rows_of(server, on=False)) == 3 and not rows_of(server, on=True)
        assert not server.calls("DELETE") and run["state"] == "RUNNING"


@pytest.mark.parametrize(
    ("version", "can"),
    [("2.16.0", True), ("v2.17.3", True), ("3.0.0-rc.1", True), ("2.9.9", False), ("", False)],
)
def test_versions_that_leave_runs_alone(version: str, can: bool) -> None:
    assert schedules.can_orphan(version) is can


def test_a_long_description_is_refused_before_anything_is_sent(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    """The server would make an invisible schedule, and say that it failed."""
    ours = Project(server.url, name="p" * 63)
    with pytest.raises(WorkbenchError, match=r"would have 2\d\d bytes, and KFP has room for 255"):
        ours.apply(wanted("k" * 63, env="e" * 80))
    assert server.changes() == [] and not server.ghosts


def test_a_past_beginning_starts_no_run_at_once(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    past, future = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"

    def start(schedule: Wanted, *, again: bool) -> Any:
        return schedule_requests.arguments(schedule, again=again)["start_time"]

    for again, catch_up in itertools.product((False, True), repeat=2):
        assert start(wanted(start=future, catch_up=catch_up), again=again) == future
    assert start(wanted(start=past), again=False) is None
    assert start(wanted(start=past, catch_up=True), again=False) == past
    assert start(wanted(start=past, catch_up=True), again=True) is None, "the other did that"
    ours = Project(server.url)
    assert ours.apply(wanted(start=past)) == ["create"] and ours.apply(wanted(start=past)) == [
        "keep"
    ]


def test_projects_and_namespaces_do_not_see_each_other(wanted: Callable[..., Wanted]) -> None:
    with kfp_server(multi_user=True) as server:
        projects = [
            Project(server.url, namespace, name)
            for namespace, name in itertools.product(("team-a", "team-b"), ("p", "p2"))
        ]
        for ours in projects:
            assert ours.apply(wanted()) == ["create"]
        assert projects[0].apply() == ["delete"]
        assert [ours.apply(wanted()) for ours in projects[1:]] == [["keep"]] * 3
        assert {row["namespace"] for row in server.schedules} == {"team-a", "team-b"}


def test_environments_do_not_delete_each_others(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    ours = Project(server.url)
    ours.apply(wanted(), wanted("b", env="prod"))
    assert ours.apply(wanted(), only="dev") == ["keep"]
    assert ours.apply(only="dev") == ["delete"] and len(rows_of(server, "b")) == 1
    assert ours.apply(only="prod") == ["delete"]


def test_a_thousand_schedules_of_others_cost_no_request_more(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    foreign = add_foreign(server, 1000, kinds=2)
    ours = Project(server.url)
    ours.apply(wanted())
    server.requests.clear()
    assert ours.apply(wanted()) == ["keep"]
    assert len(server.requests) == 2 and server.changes() == []
    server.requests.clear()
    ours.apply(wanted(cron="0 0 4 * * *"))
    assert len(server.requests) <= 14
    assert [row for row in server.schedules if row in foreign] == foreign


def test_more_schedules_than_a_page_are_all_seen(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    (row,) = server.schedules
    for number in range(250):
        text = row["description"].replace("nightly", f"k{number}")
        copy = {**row, "description": text, "recurring_run_id": str(number)}
        server.schedules.add(copy)
    assert len(schedules.listed(ours.server, ours.owner)) == 251


# What is left behind by others


def test_what_was_left_behind_is_removed(server: KfpServer, wanted: Callable[..., Wanted]) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    (row,) = server.schedules
    for mode in ("ENABLE", "DISABLE"):
        server.schedules.add({**row, "recurring_run_id": f"left-{mode}", "mode": mode})
    assert ours.apply(wanted()) == ["tidy"]
    assert len(rows_of(server)) == 1 and rows_of(server)[0]["mode"] == "ENABLE"
    assert ours.apply(wanted()) == ["keep"]


@pytest.mark.parametrize("version", ["2.17.0", "2.15.2"])
@pytest.mark.parametrize("text", [NIGHTLY, NIGHTLY.replace(" 3 ", " 4 "), ""])
def test_what_a_failure_left_behind_is_shown_and_removed(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    capsys: pytest.CaptureFixture[str],
    text: str,
    version: str,
) -> None:
    """The schedule was made, no answer came, and then there was no server; now there is."""
    changed = NIGHTLY.replace(" 3 ", " 4 ")
    with kfp_server(version=version) as server:

        def schedule(text: str, *, apply: bool) -> tuple[list[str], str]:
            request = request_of(folder, package, settings, text)
            result = scheduling.schedule(servers.connect(server.url), request, apply=apply)
            said = capsys.readouterr().err
            return [item["action"] for item in result["schedules"]], said

        assert schedule(NIGHTLY, apply=True)[0] == ["create"]
        server.requests.clear()
        server.fail("lost", "/recurringruns", method="POST")
        server.fail("500", "/recurringruns", method="GET", first=2)
        with pytest.raises(
            WorkbenchError, match=r"not known whether another one is there, disabled: "
        ):
            schedule(changed, apply=True)
        server.mend()
        capsys.readouterr()
        modes = [row["mode"] for row in server.schedules]
        assert modes == ["ENABLE", "DISABLE"], "it is left behind"

        verbs, said = schedule(text, apply=False)
        note = "note: 1 that are disabled stay: deleting would kill their runs before KFP 2.16"
        removes = version == "2.17.0"
        assert (note in said) is not removes
        verb = "tidy" if removes else "keep"
        assert verbs == [{NIGHTLY: verb, changed: "replace", "": "delete"}[text]]
        assert schedule(text, apply=True)[0] == verbs
        on = [row for row in server.schedules if row["mode"] == "ENABLE"]
        assert crons(on) == re.findall('"(.*)"', text)
        assert len(server.schedules) == len(on) or not removes
        verbs, said = schedule(text, apply=True)
        assert verbs == ["keep"] * bool(text) and "nothing to do" in said
        assert ("that are disabled stay" in said) is not removes


def test_a_live_schedule_is_of_this_form(server: KfpServer, wanted: Callable[..., Wanted]) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    (row,) = server.schedules
    digest = schedules.digest(wanted())
    assert row["description"] == f"owner=p;key=nightly;env=dev;h={digest}"
    (live,) = schedules.listed(ours.server, ours.owner)
    assert isinstance(live, Live) and (live.key, live.env, live.digest) == (
        "nightly",
        "dev",
        digest,
    )
