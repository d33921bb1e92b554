"""A Mixpanel client against an HTTP server of the test, and an export's body."""

from __future__ import annotations

from datetime import date
from typing import Any

from include.http.request import RetryPolicy
from include.mixpanel.client import MixpanelClient
from include.mixpanel.settings import MixpanelSettings
from tests.support.fake_clock import FakeClock
from tests.support.http_server import HttpServer

DAY = date(2026, 7, 1)


SECRET = "canary-s3cret-4711"


ROW = b'{"event":"A","properties":{"time":1782907203,"distinct_id":"u"}}'


BODY = b"\n".join([ROW] * 3) + b"\n"


def client(
    served: HttpServer, fake_clock: FakeClock, budget: Any = None, **retry_policy: Any
) -> MixpanelClient:
    settings = MixpanelSettings("svc.mp-service-account", SECRET, 2384945, "eu", served.url, "shop")
    return MixpanelClient(
        settings,
        fake_clock.clock,
        budget,
        RetryPolicy(**{"connect_seconds": 5, "idle_seconds": 5} | retry_policy),
    )


def export(served: HttpServer, fake_clock: FakeClock, **more: Any) -> list[bytes]:
    with client(served, fake_clock, **more).export(DAY, DAY) as stream:
        return list(stream)
