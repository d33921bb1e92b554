"""A day that validation refuses as a whole: the board has its reason, its report, and the first refused events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import requests

from include.board.quarantine import HIDDEN
from include.clock import Clock
from include.errors import TooManyQuarantined
from include.lake.lake import Lake
from mixpanel_aep.board import readers, views
from tests.airflow.stored_runs import add_run, remove_runs
from tests.airflow.test_board import api  # noqa: F401  a fixture
from tests.airflow.test_end_to_end import Api
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.airflow
DAG, DAY = "mixpanel_to_aep_hostile", date(2026, 7, 1)
BOARD = "/mixpanel-aep/board"
NOW = datetime(2026, 7, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, TooManyQuarantined]]:
    """Run the steps of a day of which no event may be in quarantine; return its lake and its error."""
    folder = tmp_path_factory.mktemp("refused")
    noon = int(datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC).timestamp())
    broken = [
        {"line": f'{{"event": "Broken {n}", "properties": {{', "at": noon, "processed_at": noon}
        for n in (1, 2)
    ]
    with quick_sandbox(folder) as server:
        quality = PIPELINES["hostile"].quality.model_copy(update={"max_quarantined": 0.1})
        pipeline = PIPELINES["hostile"].model_copy(update={"quality": quality})
        runner = PipelineRunner(server.url, Lake(f"file://{folder}/lake"), pipeline)
        place = f"{server.url}/_sandbox/mixpanel/projects/{runner.project_id}/events"
        requests.post(place, json={"events": broken}, timeout=20).raise_for_status()
        runner.setup()
        with pytest.raises(TooManyQuarantined) as error:
            runner.stage(DAY)
    yield folder / "lake", error.value


@pytest.fixture(autouse=True)
def failed_run(
    refused: tuple[Path, TooManyQuarantined],
    api: Api,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    lake, error = refused
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", f"file://{lake}")
    monkeypatch.setattr(readers, "_readers", {})
    monkeypatch.setattr(views, "SYSTEM_CLOCK", Clock(NOW.timestamp))
    problem = {"sentence": error.sentence, "hint": error.hint, "error": "TooManyQuarantined"}
    add_run(DAG, "refused", NOW, problem, state="failed", partition_key=str(DAY))
    yield
    remove_runs(["refused"])


def page(api: Api, path: str, role: str = "op") -> str:  # noqa: F811
    answer = api.get(f"{BOARD}/{path}/{DAG}/{DAY}", role=role)
    assert answer.status_code == 200
    return str(answer.text)


def test_the_day_has_its_reason_and_leads_to_report_and_events(api: Api) -> None:  # noqa: F811
    text = page(api, "day")
    assert "not in AEP: the run failed at the step validate." in text
    assert re.search(rf"Validation refused 2 of \d+ events of partition {DAY}", text)
    assert "Validation refused the day as a whole, so no event was sent to AEP." in text
    assert text.count(f'href="{BOARD}/report/{DAG}/{DAY}"') == 1
    assert f'href="{BOARD}/rows/{DAG}/{DAY}"' in text
    assert f'href="{BOARD}/rows/{DAG}/{DAY}"' in page(api, "report")


def test_the_first_events_are_shown_with_hidden_values_behind_the_same_permissions(api: Api) -> None:  # noqa: F811
    assert "Show the first refused events" not in page(api, "day", "viewer")
    assert api.get(f"{BOARD}/rows/{DAG}/{DAY}", role="viewer").status_code == 403
    hidden, shown = page(api, "rows"), page(api, "values")
    assert "that the steps refused; the day as a whole was not sent to AEP." in hidden
    assert hidden.count("refused by transform") + hidden.count("refused by validate") == 2
    assert HIDDEN in hidden and "Values are hidden." in hidden
    assert HIDDEN not in shown and "Values may be personal data." in shown
    assert api.get(f"{BOARD}/values/{DAG}/{DAY}", role="user").status_code == 403


def test_the_report_of_a_refused_day_says_that_it_was_refused(api: Api) -> None:  # noqa: F811
    text = api.get(f"/mixpanel-aep/report/{DAG}/{DAY}", role="viewer").text
    assert re.search(r"Refused: 2 of \d+ events in quarantine; the pipeline allows 10.00%\.", text)
