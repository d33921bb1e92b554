"""The demo's Airflow client: which requests it repeats, and how it cancels backfills."""

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


@pytest.mark.parametrize("is_completed", [True, False])
def test_a_backfill_that_airflow_completes_first_does_not_have_to_be_cancelled(is_completed: bool) -> None:
    def listed(completed_at: str | None) -> Reply:
        return Reply.json({"backfills": [{"id": 7, "completed_at": completed_at}]})

    refused = Reply.json({"detail": "Backfill is already completed."}, 409)
    answers = iter([listed(None), refused, listed("2026-07-01T00:00:00Z" if is_completed else None)])
    with serve_http(lambda _: next(answers)) as server:
        if is_completed:
            AirflowApi(server.url).cancel_backfills("dag")
        else:
            with pytest.raises(DemoError, match="HTTP 409"):
                AirflowApi(server.url).cancel_backfills("dag")
        assert [request.method for request in server.requests] == ["GET", "PUT", "GET"]
