"""Macros in given parameters, which a server fills in."""

from datetime import datetime, timezone

import pytest

from kfp_workbench.local import macros


class Clock(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: object = None) -> "Clock":
        return cls(2026, 3, 4, 15, 6, 7, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datetime.datetime", Clock)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[RunUUID]]", "id"),
        ("a-[[RunUUID]]-[[RunUUID]]", "a-id-id"),
        ("[[CurrentTime]]", "20260304150607"),
        ("[[CurrentTime.2006-01-02]]", "2026-03-04"),
        ("[[CurrentTime.2006-01-02T15:04:05Z07:00]]", "2026-03-04T15:06:07Z"),
        ("[[CurrentTime.Mon, 2 Jan 2006 3:04PM MST]]", "Wed, 4 Mar 2026 3:06PM UTC"),
        ("[[CurrentTime.%Y]]", "%Y"),
        ("{{$.currentTime.strftime('%Y/%m')}}", "2026/03"),
        ("[[ScheduledTime]] [[ScheduledTime.2006]] [[Index]]", None),
        ("{{$.scheduledTime.strftime('%Y')}}", None),
        ("[[RunUUID.x]] [[Other]] [[ [[RunUUID]]", None),
    ],
)
def test_macros(text: str, expected: str | None) -> None:
    assert macros.filled(text, "id") == (text if expected is None else expected)


@pytest.mark.parametrize("value", [1.0, None, ["[[RunUUID]]"], {"a": "[[RunUUID]]"}])
def test_only_texts_have_them(value: object) -> None:
    assert macros.filled(value, "id") == value
