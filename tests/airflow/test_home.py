"""Airflow's home page: what it counts of failed days, and the line of this project that it shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.clock import Clock
from mixpanel_aep.board import readers, views
from tests.airflow.stored_runs import add_run, remove_runs
from tests.airflow.test_board import BOARD, DAG, NOW, api, readable

__all__ = ["api", "readable"]  # fixtures
pytestmark = pytest.mark.airflow
FIRST = date(2026, 6, 30)
UNUSED = date(2026, 6, 10)
"""No other test leaves runs of this day in the database that all tests of a process share."""
HOSTILE = "mixpanel_to_aep_hostile"


@pytest.fixture(autouse=True)
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty lake, readers without cached facts, and a clock on which the shop's 1 July was yesterday."""
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", f"file://{tmp_path}/lake")
    monkeypatch.setattr(readers, "_readers", {})
    monkeypatch.setattr(views, "SYSTEM_CLOCK", Clock(NOW.timestamp))


@pytest.fixture
def backfill(api: Any) -> Iterator[Any]:
    """Add runs as a backfill makes them: no logical date, and the day's midnight as the time from which they may run."""
    added: list[str] = []

    def add(dag_id: str, *states: str, first: date = FIRST) -> None:
        for number, state in enumerate(states):
            day = first + timedelta(days=number)
            added.append(f"backfill__{dag_id}__{day}__{len(added)}")
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            add_run(dag_id, added[-1], NOW, None, state=state, partition_key=str(day), run_type="backfill",
                    run_after=midnight, logical_date=None)  # fmt: skip

    yield add
    remove_runs(added)


def sentence(api: Any) -> str:
    return str(api.get(f"{BOARD}/failed", role="viewer").json()["sentence"])


def test_the_home_page_says_which_pipelines_have_failed_days(
    api: Any, readable: set[str], backfill: Any
) -> None:
    assert sentence(api) == ""
    backfill(DAG, "failed")
    assert sentence(api) == "Mixpanel to AEP: 1 day failed and is not in AEP: shop (2026-06-30)."
    backfill(HOSTILE, "failed", "failed", first=UNUSED)
    assert (
        sentence(api)
        == "Mixpanel to AEP: 3 days failed and are not in AEP: hostile (2 days), shop (2026-06-30)."
    )
    readable.remove(HOSTILE)
    assert "hostile" not in sentence(api), "a DAG that the user may not read"
    backfill(DAG, "running")
    assert sentence(api) == "", "the day is loaded again"


def test_airflows_own_counters_leave_the_failed_days_out(api: Any, readable: set[str], backfill: Any) -> None:
    """The reason for the line. If this fails, Airflow counts them: then the line says the same a second time."""
    before = api.get("/ui/dashboard/dag_stats", role="admin").json()["failed_dag_count"]
    backfill(DAG, "failed", "failed")
    assert api.get("/ui/dashboard/dag_stats", role="admin").json()["failed_dag_count"] == before
    day_before_now = (NOW + timedelta(days=30)).isoformat()
    history = api.get(f"/ui/dashboard/historical_metrics_data?start_date={day_before_now.replace('+', '%2B')}",
                      role="admin").json()  # fmt: skip
    assert history["dag_run_states"]["failed"] == 0
    assert sentence(api) != ""


def test_airflow_shows_the_line_on_its_home_page(api: Any) -> None:
    plugins = api.get("/api/v2/plugins", role="admin").json()["plugins"]
    (ours,) = [each for each in plugins if each["name"] == "mixpanel_aep"]
    (app,) = ours["react_apps"]
    assert app["destination"] == "dashboard"
    script = api.get(f"/{app['bundle_url']}", role="viewer")
    assert script.headers["content-type"].startswith("text/javascript")
    assert f"globalThis.{app['name']} = " in script.text
    link = next(each for each in ours["external_views"] if each["destination"] == "nav")
    assert f'"plugin/{link["url_route"]}"' in script.text
