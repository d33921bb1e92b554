"""Every known failure of a load, through the real step: the rows are active once, or the task reports why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.aep.upload import Uploader
from include.errors import Conflict, PipelineError
from include.steps.ingest import batch_upload
from include.steps.ingest.step import IngestResult, PendingBatch
from scripts.demo.evidence import Comparison
from tests.failures import aep_routes_table, aep_table
from tests.failures.aep_failure import STAGED, AepFailure, becomes
from tests.failures.aep_scenario import DAY, AepScenario, Template, asked
from tests.failures.execution import SECRETS, Sandbox, assert_explained, assert_waited, tries
from tests.failures.failure import Elsewhere, NotOurs
from tests.support.pipeline_runner import PipelineRunner

pytestmark = pytest.mark.sandbox
ALL = [*aep_table.ROWS, *aep_routes_table.ROWS]
ROWS = [row for row in ALL if isinstance(row, AepFailure)]


def test_every_number_has_a_row_and_row_names_are_unique() -> None:
    assert {row.id.partition("/")[0] for row in aep_table.ROWS} == set(aep_table.NUMBERS)
    assert {row.id.partition("/")[0] for row in aep_routes_table.ROWS} == set(aep_routes_table.ON_THE_WAY)
    assert [row for row, count in Counter(row.id for row in ALL).items() if count > 1] == []


def test_references_to_other_tests_are_valid_and_exclusions_have_a_reason() -> None:
    shown = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    for row in ALL:
        assert not isinstance(row, Elsewhere) or f"\ndef {row.test}(" in shown, f"{row.id}: no {row.test}"
        assert not isinstance(row, NotOurs) or row.reason


@pytest.fixture(scope="module")
def template(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Template:
    return Template.stage(_sandbox, tmp_path_factory.mktemp("lake"))


@pytest.fixture
def arranged(sandbox: Sandbox, template: Template) -> Iterator[Callable[[AepFailure], AepScenario]]:
    """Prepare a row, and clean up after it."""
    places: list[AepScenario] = []

    def arrange(row: AepFailure) -> AepScenario:
        places.append(AepScenario(row, sandbox, template))
        return places[-1]

    yield arrange
    sandbox.clear_up()
    for scenario in places:
        template.delete_dataset(scenario.dataset_id)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_day_is_active_once_or_its_task_says_why_not(
    row: AepFailure, arranged: Callable[[AepFailure], AepScenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = arranged(row)
    if row.lines:  # Rows that AEP refuses and that this pipeline would not send.
        monkeypatch.setattr(batch_upload, "require_rows_of_day", lambda *_: None)
    result = tries(row, scenario.task, scenario.fake_clock)
    counted = scenario.asked()
    assert counted["?"] == 0
    assert {name: counted[name] for name in row.requests} == row.requests
    assert_waited(row, scenario.fake_clock)
    if row.succeeds:
        assert isinstance(result, PendingBatch if row.watching else IngestResult)
    assert_active(scenario, row.active)
    if row.ledger:
        assert tuple(record.kind for record in scenario.records()) == row.ledger
    if row.cleared is not None:
        assert_cleared(scenario, row.cleared)


def assert_active(scenario: AepScenario, rows: int) -> None:
    """Assert the number of rows, that none is duplicated, and that all were staged."""
    active = scenario.active()
    assert (len(active), len({identity for identity, _ in active})) == (rows, rows)
    if not scenario.row.lines:
        assert scenario.compared(active) == Comparison(lost=STAGED - rows, duplicate=0, phantom=0)
    done = [record for record in scenario.records() if record.kind == "active"]
    assert not done or done[-1].counts == {"active": rows}


def assert_cleared(scenario: AepScenario, rows: int) -> None:
    """A person follows the message's hint and clears the task."""
    scenario.sandbox.post("/aep/settings", {"next_batches": []})
    for happening in scenario.row.by_hand:
        scenario.do(happening)
    try:
        scenario.task()
    except PipelineError as error:
        assert_explained(error)
        assert rows == 0
    assert_active(scenario, rows)


def test_polling_of_a_batch_that_stays_open_ends(
    arranged: Callable[[AepFailure], AepScenario],
) -> None:
    """For example, a gateway answers COMPLETE with 200: it is sent again, but no poll restarts the deadline."""
    row = AepFailure("", "", next_batches=({"outcome": "status", "status": "loading"},))
    scenario = arranged(row)
    looks = [scenario.runner.advance(DAY, scenario.staged) for _ in range(4)]
    assert [isinstance(look, PendingBatch) and look.committed for look in looks] == [
        True,
        False,
        False,
        False,
    ]
    assert scenario.asked()["create"] == 1


def test_a_batch_that_is_aborted_during_upload_is_created_again(
    arranged: Callable[[AepFailure], AepScenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person aborts it in AEP; the next try fills a new one."""
    scenario = arranged(AepFailure("", ""))
    upload = Uploader.upload

    def abort_first(uploader: Uploader, *args: Any) -> None:
        monkeypatch.setattr(Uploader, "upload", upload)
        scenario.do(becomes("aborted"))
        upload(uploader, *args)

    monkeypatch.setattr(Uploader, "upload", abort_first)
    with pytest.raises(
        Conflict, match=r"Batch .* of partition 2026-07-01 was ended in AEP during the upload"
    ) as caught:
        scenario.task()
    assert_explained(caught.value)
    assert scenario.active() == []
    assert isinstance(scenario.task(), IngestResult)
    assert_active(scenario, STAGED)


def test_every_documented_status_and_code_has_a_row() -> None:
    ids = {row.id for row in ALL}
    assert {f"status/{status}" for status in aep_table.STATUSES} <= ids
    assert {f"code/{code}" for code in aep_table.CODES} <= ids


def test_a_client_keeps_its_token_and_uses_the_second_secret(sandbox: Sandbox, template: Template) -> None:
    """A credential may have two secrets during a rotation."""
    sandbox.post("/aep/settings", {"secrets": [SECRETS["aep"], "the-next-secret"]})
    client = template.runner.aep
    client.registry.tenant_id()
    sandbox.post("/aep/settings", {"secrets": ["the-next-secret"]})
    client.registry.tenant_id()
    fields = {**template.runner.aep_connection, "password": "the-next-secret"}
    later = PipelineRunner(sandbox.url, template.runner.lake, template.runner.pipeline, aep_connection=fields)
    assert later.aep.registry.tenant_id()
    assert asked(sandbox.asked())["token"] == 2
