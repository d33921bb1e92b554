"""A history belongs to one source and one target, and AEP decides what it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from include.aep.setup import setup_pipeline
from include.errors import (
    AnotherPipeline,
    AnotherSource,
    BatchUnconfirmed,
    DatasetMissing,
    ForeignLake,
    LedgerContradicted,
    OpenBatchElsewhere,
    UnknownBatch,
)
from include.http.response import Response
from include.lake.lake import Lake
from include.lake.lake_id import ensure_lake_id
from include.steps.ingest.step import IngestResult
from include.steps.transform import schema_and_mapping, transform_partition
from scripts.demo.evidence import Sandbox
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)


class Loader(PipelineRunner):
    """The hostile project, loaded day by day."""

    def load(self, run: str = "run", *, replace: bool = False, day: date = DAY) -> IngestResult:
        return self.ingest(day, self.stage(day, replace=replace), run, replace=replace)

    def post(self, path: str, body: Any) -> None:
        requests.post(f"{self.url}/_sandbox{path}", json=body, timeout=20).raise_for_status()

    def active(self) -> list[str]:
        """Return the ``_id``s that AEP holds, with duplicates."""
        return [identity for identity, _ in Sandbox(self.url).active(self.pipeline.aep.dataset)]

    def with_dataset(self, name: str) -> None:
        aep = self.pipeline.aep.model_copy(update={"dataset": name})
        self.pipeline = self.pipeline.model_copy(update={"aep": aep})
        self.setup()


@pytest.fixture
def untagged(tmp_path: Path) -> Iterator[Loader]:
    """Return a project set up by an earlier version: neither the lake nor the dataset has an id of the lake."""
    with quick_sandbox(tmp_path / "sandbox") as server:
        made = Loader(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
        setup_pipeline(made.pipeline, made.aep)
        yield made


@pytest.fixture
def loader(untagged: Loader) -> Loader:
    untagged.setup()
    return untagged


def test_a_dataset_is_loaded_through_one_lake_only(loader: Loader, tmp_path: Path) -> None:
    first = loader.load()
    for url in (f"file://{tmp_path}/empty", f"file://{tmp_path}/another"):
        loader.lake = Lake(url)
        if url.endswith("another"):
            ensure_lake_id(loader.lake)
        for replace in (False, True):
            with pytest.raises(ForeignLake, match="was loaded through the lake with the id"):
                loader.load("two", replace=replace)
    assert len(loader.active()) == first.active


def test_another_dataset_has_an_empty_history(loader: Loader) -> None:
    first = loader.load()
    loader.with_dataset("Another dataset")
    assert loader.load("two").active == first.active
    assert len(loader.active()) == first.active
    loader.with_dataset("A third one")
    assert loader.load("three", replace=True).active == first.active
    assert len(loader.active()) == first.active


def test_another_aep_sandbox_is_another_history(loader: Loader) -> None:
    first = loader.load()
    loader.aep_connection = {"extra": {"aep_sandbox": "dev"}}
    loader.setup()
    second = loader.load("two")
    assert (second.active, second.again) == (first.active, False)
    assert set(second.batches) & set(first.batches) == set()
    loader.aep_connection = {}
    assert loader.load("three").again


@pytest.mark.parametrize("tagged", [True, False])
def test_a_dataset_never_receives_events_of_another_project(untagged: Loader, tagged: bool) -> None:
    loader = untagged
    if tagged:
        loader.setup()
    before = loader.load()
    loader.connection = {"extra": {"project_id": 3000002, "region": "us"}}
    with pytest.raises(AnotherSource, match=r"eu/3000001.*us/3000002"):
        loader.load("two")
    assert len(loader.active()) == before.active


def test_an_export_of_another_project_is_not_staged(untagged: Loader) -> None:
    """The connection was changed between two tasks of a run."""
    loader = untagged
    raw = loader.export(DAY)
    mapped = loader.transform(DAY, raw)
    valid = loader.steps(DAY).validate(mapped)
    loader.connection = {"extra": {"project_id": 3000002, "region": "us"}}
    with pytest.raises(AnotherSource, match="Clear the task export"):
        loader.steps(DAY).stage(valid)


def test_a_batch_unknown_to_aep_is_not_success(loader: Loader) -> None:
    (batch,) = loader.load().batches
    loader.post(f"/aep/batches/{batch}", {"vanished": True})
    with pytest.raises(BatchUnconfirmed, match=rf"{batch}.*ledger release hostile 2026-07-01"):
        loader.load("two")
    loader.post(f"/aep/batches/{batch}", {"vanished": False})
    assert loader.load("three").again


def test_a_second_lake_does_not_load_what_aep_holds(untagged: Loader, tmp_path: Path) -> None:
    loader, first = untagged, untagged.load()
    # Other content than the first lake's, as after a mapping change: the same content would be adopted.
    loader.pipeline = loader.pipeline.model_copy(update={"unmapped": "drop"})
    loader.lake = Lake(f"file://{tmp_path}/another")
    with pytest.raises(UnknownBatch, match=rf"{first.batches[0]}.*recover hostile 2026-07-01"):
        loader.load("two")
    with pytest.raises(UnknownBatch):
        loader.load("two", replace=True)
    assert len(loader.active()) == len(set(loader.active())) == first.active


def test_a_lake_restored_from_an_older_copy_adopts_the_same_content(untagged: Loader, tmp_path: Path) -> None:
    loader, first = untagged, untagged.load()
    loader.lake = Lake(f"file://{tmp_path}/another")
    assert loader.load("two").batches == first.batches
    assert len(loader.active()) == first.active


def test_a_renamed_pipeline_continues_its_history_and_replaces_nothing_before_setup_has_retagged_it(
    untagged: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file in another folder may be the owner's: only a person knows whether it was renamed."""
    loader = untagged
    first = loader.load()
    for tagged in (False, True):
        if tagged:
            loader.setup()
        monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path / "renamed"))
        own, renamed = loader.pipeline, loader.pipeline.with_folder(tmp_path / "renamed")
        loader.pipeline = renamed.model_copy(update={"name": "renamed"})
        again = loader.load("two")
        assert (again.batches, again.active) == (first.batches, first.active)
        assert "belongs to pipeline hostile" in caplog.text
        with pytest.raises(AnotherPipeline, match=r"add rows .*replace.*formerly: hostile"):
            loader.load("three", replace=True)
        loader.pipeline = own if not tagged else loader.pipeline
        monkeypatch.undo()
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path / "renamed"))
    with pytest.raises(AnotherPipeline, match=r"setup would reassign it .*formerly: hostile"):
        loader.setup()
    aep = loader.pipeline.aep.model_copy(update={"formerly": "hostile"})
    loader.pipeline = loader.pipeline.model_copy(update={"aep": aep})
    assert any("renamed, instead of hostile" in done for done in loader.setup())
    assert loader.load("four", replace=True).again


def test_a_dataset_renamed_in_aep_is_named(loader: Loader) -> None:
    loader.load()
    dataset = loader.aep.catalog.require_dataset(loader.pipeline.aep.dataset)
    path = ("data", "foundation", "catalog", "dataSets", dataset["id"])
    loader.aep._http.send_json(
        "PATCH", path, "rename a dataset", {"name": "Events 2"}, Response.optional_json
    )
    reported = f"loaded into dataset {dataset['id']}, which AEP now calls 'Events 2'.*aep.dataset"
    with pytest.raises(DatasetMissing, match=reported):
        loader.load("two")


@pytest.mark.parametrize("tagged", [True, False])
def test_two_pipelines_cannot_load_into_one_dataset(untagged: Loader, tagged: bool) -> None:
    """Their files differ in the connection's name, so that parsing does not detect it."""
    loader = untagged
    if tagged:
        loader.setup()
    loader.load()
    loader.pipeline = loader.pipeline.model_copy(update={"name": "copy"})
    with pytest.raises(AnotherPipeline, match="pipeline hostile"):
        loader.load("two")


def test_every_command_sees_the_pipelines_of_its_own_folder(
    untagged: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path / "usual"))
    folder = tmp_path / "pipelines"
    folder.mkdir()
    for name in ("mine", "yours"):
        (folder / f"{name}.yaml").touch()
    own = untagged.pipeline.with_folder(folder)
    untagged.pipeline = own.model_copy(update={"name": "mine"})
    untagged.load()
    untagged.pipeline = own.model_copy(update={"name": "yours"})
    with pytest.raises(AnotherPipeline, match="is loaded by pipeline mine"):
        untagged.load("two")


def test_an_open_batch_of_another_installation_stops_the_run(loader: Loader) -> None:
    dataset = loader.aep.catalog.require_dataset(loader.pipeline.aep.dataset)["id"]
    other = loader.aep.batches.create(dataset, "json", f"mixpanel-aep-other-{DAY}-{'a' * 16}-1")
    with pytest.raises(OpenBatchElsewhere, match=other):
        loader.load()
    loader.aep.batches.abort(other)
    assert loader.load("two").active == 8


def test_the_older_of_two_open_batches_continues(
    untagged: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two installations that share only AEP create a batch of the same day at the same time."""
    loader = untagged
    from include.steps.ingest import batch_upload
    from include.steps.ingest.batch_loader import BatchLoader
    from include.steps.ingest.other_batches import OtherBatches

    other = Loader(loader.url, Lake(f"file://{tmp_path}/other"), loader.pipeline)
    other.pipeline = other.pipeline.model_copy(update={"unmapped": "drop"})
    staged, theirs = loader.stage(DAY), other.stage(DAY)
    send, ends = batch_upload._upload_files, list[type[Exception]]()

    def send_after_the_other(work: BatchLoader, batch: str, paths: list[Path]) -> None:
        monkeypatch.setattr(batch_upload, "_upload_files", send)
        monkeypatch.setattr(OtherBatches, "require_none", lambda *a, **k: None)
        try:
            monkeypatch.setattr(OtherBatches, "require_none", require)
            other.ingest(DAY, theirs, "theirs")
        except (OpenBatchElsewhere, UnknownBatch) as refused:
            ends.append(type(refused))
        send(work, batch, paths)

    require = OtherBatches.require_none
    monkeypatch.setattr(batch_upload, "_upload_files", send_after_the_other)
    assert loader.ingest(DAY, staged, "ours").active == 8
    assert ends == [OpenBatchElsewhere]
    assert len(loader.active()) == len(set(loader.active())) == 8


def test_a_lost_response_does_not_block_the_day_where_external_ids_are_unique(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.aep.batches import Batches

    loader.post("/aep/settings", {"external_ids": "unique"})
    staged, create = loader.stage(DAY), Batches.create

    def lose_the_answer(self: Batches, *args: Any, **more: Any) -> str:
        create(self, *args, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Batches, "create", lose_the_answer)
        loader.ingest(DAY, staged, "one")
    (orphan,) = loader.aep.catalog.open_batches(loader.history(DAY).target.dataset_id)
    loader.aep.batches.abort(orphan.id)
    assert loader.ingest(DAY, staged, "two").active == 8


@pytest.mark.parametrize("replace", [False, True])
def test_a_ledger_that_names_another_days_batch_harms_nothing(loader: Loader, replace: bool) -> None:
    """A record was forged, or copied by hand from another day's ledger."""
    other_day = date(2026, 7, 2)
    loader.post(
        f"/mixpanel/projects/{loader.project_id}/events",
        {
            "events": [
                {"event": "E", "properties": {"time": 1782993600, "distinct_id": "u", "$insert_id": "i"}}
            ]
        },
    )
    (victim,) = loader.load(day=other_day).batches
    loader.load()
    ledger = loader.history(DAY).ledger(DAY)
    forged = {
        **ledger.records()[-1].model_dump(exclude={"number", "kind", "version", "history"}),
        "batch": victim,
    }
    ledger.append(ledger.records(), "active", **forged)
    before = loader.active()
    with pytest.raises(LedgerContradicted, match=victim):
        loader.load("two", replace=replace)
    assert loader.active() == before


def test_a_forged_created_record_aborts_no_batch_of_another_dataset(loader: Loader) -> None:
    loader.load()
    elsewhere = Loader(loader.url, loader.lake, loader.pipeline)
    elsewhere.with_dataset("Another dataset")
    target = elsewhere.history(DAY).target.dataset_id
    victim = loader.aep.batches.create(target, "json", f"mixpanel-aep-hostile-{DAY}-{'a' * 16}-1")
    ledger = loader.history(DAY).ledger(DAY)
    fields = ledger.records()[-1].model_dump(exclude={"number", "kind", "version", "history"})
    ledger.append(ledger.records(), "created", **{**fields, "batch": victim, "content": "b" * 32})
    loader.pipeline = loader.pipeline.model_copy(update={"unmapped": "drop"})
    with pytest.raises(LedgerContradicted, match=victim):
        loader.load("two")
    found = loader.aep.batches.find(victim)
    assert found is not None
    assert found.status == "loading"


def test_the_history_names_its_source_and_target(loader: Loader) -> None:
    loader.load()
    history = loader.history(DAY)
    body = json.loads(loader.lake.read(history.key("history")) or b"")
    assert (body["region"], body["project_id"], body["dataset_id"]) == (
        "eu",
        3000001,
        history.target.dataset_id,
    )
    assert {record.history for record in loader.records(DAY)} == {history.target.digest}


def test_a_repeated_green_day_sends_few_requests_to_aep(loader: Loader) -> None:
    """Every step is a separate process that requests the dataset; ingest also each active batch, and new ones."""
    loader.load()
    before = requests.get(f"{loader.url}/_sandbox/transcript", timeout=20).json()["entries"]
    assert loader.load("two").again
    after = requests.get(f"{loader.url}/_sandbox/transcript", timeout=20).json()["entries"][len(before) :]
    asked = [entry["path"].removeprefix("/data/foundation/") for entry in after if "ims" not in entry["path"]]
    assert [path.split("/")[1] for path in asked].count("dataSets") <= 3
    assert len(asked) <= 6
    assert {entry["method"] for entry in after if "ims" not in entry["path"]} == {"GET"}


def test_a_day_keeps_its_id_recipe_until_it_is_replaced(loader: Loader) -> None:
    """An event without $insert_id has other ids in recipe 1 and 2: a new recipe alone makes no event late."""
    loader.post(
        f"/mixpanel/projects/{loader.project_id}/events",
        {"events": [{"event": "Old SDK", "properties": {"time": 1782907200, "distinct_id": "u", "n": 1}}]},
    )
    steps = loader.steps(DAY)
    schema, mapping = schema_and_mapping(loader.pipeline, loader.aep)
    old = transform_partition(loader.workspace(DAY), steps.export(), schema, mapping, recipe=1)
    first = loader.ingest(DAY, steps.stage(steps.validate(old)), "one")
    assert loader.records(DAY)[-1].recipe == 1
    again = loader.load("two")
    assert (again.again, again.batches) == (True, first.batches)
    replaced = loader.load("three", replace=True)
    assert (replaced.active, loader.records(DAY)[-1].recipe) == (first.active, 2)
    assert loader.load("four").again


def test_changes_in_mixpanel_are_counted_and_not_loaded_again(loader: Loader) -> None:
    path = f"/mixpanel/projects/{loader.project_id}/events"
    event = {
        "event": "E",
        "properties": {"time": 1782907200, "distinct_id": "u", "$insert_id": "i-1", "plan": "a"},
    }
    loader.post(path, {"events": [event]})
    first = loader.load()
    changed = {**event, "properties": {**event["properties"], "plan": "b"}}  # type: ignore[dict-item]
    late = {**event, "properties": {**event["properties"], "$insert_id": "i-2"}}  # type: ignore[dict-item]
    loader.post(path, {"events": [changed, late]})
    staged = loader.stage(DAY, "refresh")
    assert (staged.counts["changed"], staged.counts["vanished"], staged.rows) == (1, 0, 1)
    assert loader.ingest(DAY, staged, "two").active == first.active + 1
