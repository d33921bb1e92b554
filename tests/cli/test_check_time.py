"""``check`` compares the times of live events with ``time_is``; unusual times stop no command."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path

import pytest

from include.cli.project import Project
from tests.support.command_line import Cli, change

pytestmark = pytest.mark.sandbox


ODD_LINES = [
    *(
        b'{"event":"A","properties":{"time":%s,"mp_lib":"unity","$mp_api_timestamp_ms":%s,"$insert_id":"%d"}}'
        % (time, arrival, number)
        for number, time in enumerate((b"1782907200", b"1782907200.5", b"1e300", b"-1", b'"x"', b"[]"))
        for arrival in (
            b"1782907200000000000",
            b"1782907200000000",
            b"-1",
            b"253402300800000",
            b"1e400",
            b"null",
        )
    ),
    b'{"event":"A","properties":{"time":1782907200,"x":%s%s}}' % (b"[" * 1200, b"]" * 1200),
    b"\xff",
    b"{",
]


def test_unusual_event_times_stop_neither_check_nor_preview_nor_discover(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Project, "sample", lambda *arguments: nullcontext(iter(ODD_LINES)))
    code, text = cli("check", "hostile")
    assert code == 0
    assert "0 of 0 live events" in text
    # As many events as there are differences: none of these is common.
    spread = [
        b'{"event":"A","properties":{"time":%d,"mp_lib":"web","$mp_api_timestamp_ms":1782907200000}}'
        % (1782907200 - 900 * number)
        for number in range(40)
    ]
    monkeypatch.setattr(Project, "sample", lambda *arguments: nullcontext(iter(spread)))
    assert "is neither confirmed nor contradicted" in cli("check", "hostile")[1]
    monkeypatch.setattr(Project, "sample", lambda *arguments: nullcontext(iter(ODD_LINES)))
    assert cli("apply", "hostile")[0] == 0
    code, text = cli("preview", "hostile", "2026-07-01")
    assert code == 0
    assert "39 events from Mixpanel: 2 would be sent, 10 duplicates, 27 would be quarantined" in text
    assert cli("discover", "hostile", "--export")[0] == 0


def test_check_refuses_a_pipeline_that_contradicts_its_events(cli: Cli, pipelines: Path) -> None:
    change(pipelines / "shop.yaml", ("time_is: utc ", "time_is: project_local "))
    code, text = cli("check", "shop")
    assert code == 1
    assert re.search(
        r"^no time .*has time_is: project_local, but [\d,]+ of [\d,]+ live events", text, re.MULTILINE
    )
