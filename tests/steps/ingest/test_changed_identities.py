"""Changed identity rules and active rows: a day is not loaded a second time, and a replacement loads its new rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.config.identities import IdentityPlaceholders
from include.config.model import Pipeline
from include.lake.lake import Lake
from include.steps.stage import step as stage
from include.steps.transform import step as transform
from include.steps.validate import rules as validate
from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)
ECID = "83238819066235616291057085344313877718"
EVENTS: list[dict[str, Any]] = [
    {"ecid": ECID, "$device_id": "d-1"},
    {"ecid": ECID[:-1], "$device_id": "d-2"},
    {"ecid": ["a"], "$device_id": "kiosk"},
    {"ecid": "null", "$device_id": "undefined"},
]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[PipelineRunner]:
    """A project whose identities are an ECID and a device id."""
    with quick_sandbox(tmp_path / "sandbox") as server:
        mixpanel = MixpanelSandbox(server.url)
        project = mixpanel.add_project(timezone="UTC", time_is="utc")
        mixpanel.add_events(
            project,
            *(
                {"event": "E", "at": "2026-07-01T12:00:00Z", "properties": {"$insert_id": f"{n}", **each}}
                for n, each in enumerate(EVENTS)
            ),
        )
        hostile = PIPELINES["hostile"].model_dump(by_alias=True)
        changes = {"identities": {"ecid": "ECID", "$device_id": "MixpanelDevice"}, "name": "identities"}
        pipeline = Pipeline.model_validate({**hostile, **changes})
        connection = {"extra": {"project_id": project, "region": "us"}}
        runner = PipelineRunner(server.url, Lake(f"file://{tmp_path}/lake"), pipeline, connection=connection)
        runner.setup()
        yield runner


def identities(runner: PipelineRunner) -> list[str]:
    """Return the primary identities of all active rows, as ``<namespace> <id>``; an event without one adds nothing."""
    dataset = runner.aep.catalog.require_dataset(runner.pipeline.aep.dataset)["id"]
    return sorted(
        f"{namespace} {item['id']}"
        for row in AepSandbox(runner.url).lines("/aep/rows", dataset=dataset)
        for namespace, items in row.get("identityMap", {}).items()
        for item in items
        if item["primary"]
    )


WITHOUT_JUNK = [f"ECID {ECID}", "MixpanelDevice d-2", "MixpanelDevice kiosk"]


def test_only_valid_identities_arrive_and_the_next_one_is_primary(made: PipelineRunner) -> None:
    assert made.run_partition(DAY).active == len(EVENTS)
    assert identities(made) == WITHOUT_JUNK
    steps = made.steps(DAY)
    mapped = steps.transform(steps.export())
    page = made.lake.read(steps.validate(mapped).details["report"])
    for reason in ("ECID: wrong_format", "ECID: wrong_type", "ECID: blocked", "MixpanelDevice: placeholder"):
        assert page is not None
        assert f'<tr><td>{reason}</td><td class="n">1</td></tr>'.encode() in page.replace(b"<wbr>", b"")
    assert mapped.counts["dropped_identities"] == 4


def test_a_new_data_version_loads_nothing_a_second_time(
    made: PipelineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs of the previous version are recreated; active rows are recognised by ``_id``."""
    with monkeypatch.context() as before:
        for module in (transform, validate, stage):
            before.setattr(module, "DATA_VERSION", transform.DATA_VERSION - 1)
        first = made.run_partition(DAY)
    again = made.run_partition(DAY)
    assert (again.active, again.exported) == (first.active, first.exported)
    assert [record.kind for record in made.records(DAY)].count("created") == 1


def test_changed_placeholders_affect_active_rows_only_when_the_day_is_replaced(made: PipelineRunner) -> None:
    made.run_partition(DAY)
    said = IdentityPlaceholders(values=("kiosk",), allow=("undefined",))
    made.pipeline = made.pipeline.model_copy(update={"identity_placeholders": said})
    assert made.run_partition(DAY).active == len(EVENTS)
    assert identities(made) == WITHOUT_JUNK
    made.ingest(DAY, made.stage(DAY, replace=True), replace=True)
    assert identities(made) == [f"ECID {ECID}", "MixpanelDevice d-2", "MixpanelDevice undefined"]
    dataset = made.aep.catalog.require_dataset(made.pipeline.aep.dataset)["id"]
    ids = Counter(row["_id"] for row in AepSandbox(made.url).lines("/aep/rows", dataset=dataset))
    assert len(ids) == sum(ids.values()) == len(EVENTS)
