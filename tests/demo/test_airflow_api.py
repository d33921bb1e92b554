"""The demo's Airflow client repeats only requests that a locked database rolled back."""

from __future__ import annotations

import time

import pytest

from scripts.demo.airflow_api import AirflowApi
from scripts.demo.settings import DemoError
from tests.support.http_server import Reply, serve_http

pytestmark = pytest.mark.unit
LOCKED = Reply.json({"detail": {"reason": "Database error"}}, 500)


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        ([LOCKED, LOCKED, Reply.json({"dag_run_id": "r"})], 3),
        ([Reply.json({"detail": "broken"}, 500)], 1),
        ([LOCKED] * 9, 6),
    ],
)
def test_a_request_that_a_locked_database_rolled_back_is_repeated(
    monkeypatch: pytest.MonkeyPatch, answers: list[Reply], requests: int
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    left = iter(answers)
    with serve_http(lambda _: next(left)) as server:
        if answers[-1].status == 200:
            assert AirflowApi(server.url).trigger("dag") == "r"
        else:
            with pytest.raises(DemoError, match="Airflow responded with HTTP 500"):
                AirflowApi(server.url).trigger("dag")
        assert len(server.requests) == requests
