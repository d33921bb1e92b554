"""The client against the sandbox, which is written from Mixpanel's documentation and not from the client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from include.errors import CredentialsRejected, WrongProject
from include.mixpanel.client import MixpanelClient
from include.mixpanel.settings import MixpanelSettings
from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.core.server import SandboxServer

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SandboxServer() as server:
        yield server.url


def client(url: str, project: int, region: str, secret: str = data.SERVICE_ACCOUNT_SECRET) -> MixpanelClient:
    return MixpanelClient(MixpanelSettings(data.SERVICE_ACCOUNT, secret, project, region, url))


def test_the_hostile_lines_are_unchanged(url: str) -> None:
    asked = client(url, data.HOSTILE_PROJECT_ID, "eu")
    with asked.export(date(2025, 5, 1), date(2026, 7, 1)) as stream:
        lines = list(stream)
    assert stream.is_complete
    assert sorted(lines) == sorted(data.HOSTILE_EVENTS.read_bytes().rstrip(b"\n").split(b"\n"))


def test_one_event_of_one_day(url: str) -> None:
    options: dict[str, Any] = {"events": ("Purchase",), "limit": 2}
    with client(url, data.HOSTILE_PROJECT_ID, "eu").export(
        date(2026, 7, 1), date(2026, 7, 1), **options
    ) as stream:
        assert [line[:19] for line in stream] == [b'{"event":"Purchase"'] * 2


def test_a_day_without_events_is_complete_and_empty(url: str) -> None:
    with client(url, data.HOSTILE_PROJECT_ID, "eu").export(date(2024, 1, 1), date(2024, 1, 1)) as stream:
        assert list(stream) == []
    assert stream.is_complete


def test_me_knows_the_project(url: str) -> None:
    me = client(url, data.ADOBE_PROJECT_ID, "us").me()
    assert me.project_visible
    assert (me.timezone, me.organization) == ("America/Los_Angeles", data.ORGANIZATION_NAME)
    assert not client(url, 999, "us").me().project_visible


def test_a_wrong_region_and_a_wrong_secret_are_distinguished(url: str) -> None:
    with (
        pytest.raises(WrongProject, match="eu or in"),
        client(url, data.HOSTILE_PROJECT_ID, "us").export(date(2026, 7, 1), date(2026, 7, 1)),
    ):
        pass
    for ask in (client(url, data.HOSTILE_PROJECT_ID, "eu", "wrong").me,):
        with pytest.raises(CredentialsRejected):
            ask()
