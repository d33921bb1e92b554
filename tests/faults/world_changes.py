"""The world changes around a pipeline: another dataset, AEP sandbox or project, another lake, other people's hands."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from include.lake.ledger import LedgerRecord
from tests.faults.process_run import DAYS
from tests.faults.scenario import ACCOUNT, Place, event
from tests.support.canaries import MIXPANEL_SECRET

_OWN = {"number", "kind", "version", "history"}
"""What a ledger writes itself."""
_OTHER = 1_000_000
"""How far another project's number is from this one's."""
_SINCE_VERSION_2 = {"ids", "refused", "recipe", "made_of", "history"}


def use_dataset(place: Place, suffix: str = "") -> None:
    """The pipeline file names another dataset, which setup makes; without a suffix its first one again."""
    name = place.pipeline.aep.dataset.partition(" / ")[0] + (f" / {suffix}" if suffix else "")
    _change_pipeline(place, "aep", dataset=name)
    found = place.carrier.aep.catalog.find_dataset(name)
    place.dataset_id = found["id"] if found else place.create_dataset()


def use_aep_sandbox(place: Place, name: str) -> None:
    """The AEP connection names another AEP sandbox, in which setup makes what is missing."""
    extra = {**place.where.aep_connection.get("extra", {}), "aep_sandbox": name}
    place.change(aep_connection={**place.where.aep_connection, "extra": extra})
    place.carrier.setup()
    place.dataset_id = place.carrier.aep.catalog.require_dataset(place.pipeline.aep.dataset)["id"]


def use_project(place: Place, **changes: Any) -> None:
    """The Mixpanel connection names another project or region; without changes its first one again."""
    extra = {"project_id": place.project_id, "region": "us", **changes}
    place.change(connection={**place.where.connection, "extra": extra})


def use_other_project(place: Place) -> None:
    """The connection names another project, which its account may read, and whose day has events of its own."""
    other = place.project_id + _OTHER
    account = {"username": ACCOUNT, "secret": MIXPANEL_SECRET}
    place.stage.post("/mixpanel/projects", {"id": other, "limits": {"enabled": False}, "accounts": [account]})
    place.stage.post(f"/mixpanel/projects/{other}/events", {"events": [event("Theirs", key="theirs")]})
    use_project(place, project_id=other)


def use_other_region(place: Place) -> None:
    """The connection names the same number in another region, where it is another company's project."""
    place.stage.post("/mixpanel/projects", {"id": place.project_id, "region": "eu"})
    use_project(place, region="eu")


def use_first_project(place: Place) -> None:
    """The connection is corrected."""
    place.stage.post("/mixpanel/projects", {"id": place.project_id, "region": "us"})
    use_project(place)


def remake_dataset(place: Place) -> None:
    """A person deletes the dataset and makes one of the same name, without the tags of the first."""
    place.delete_dataset()
    tagged, place.tagged = place.tagged, False
    place.dataset_id = place.create_dataset()
    place.tagged = tagged


def use_other_mapping(place: Place) -> None:
    """The pipeline file drops what is not mapped: the same events make rows of other content."""
    place.change(pipeline=place.pipeline.model_copy(update={"unmapped": "drop"}))


def use_first_mapping(place: Place) -> None:
    """The pipeline file is as it was."""
    place.change(pipeline=place.pipeline.model_copy(update={"unmapped": "keep"}))


def _change_pipeline(place: Place, section: str, **changes: Any) -> None:
    changed = getattr(place.pipeline, section).model_copy(update=changes)
    place.change(pipeline=place.pipeline.model_copy(update={section: changed}))


def use_lake(place: Place, suffix: str = "", *, copy: bool = False) -> None:
    """Runs use another lake from here on, an empty one or a copy of what is there; without a suffix the first one."""
    before, first = place.lake, place.where.lake.partition("~")[0]
    place.change(lake=f"{first}~{suffix}" if suffix else first)
    if copy:
        for key in before.keys(""):
            body = before.read(key)
            assert body is not None
            place.lake.replace(key, body)


def empty_lake(place: Place) -> None:
    """The folder is lost, and an empty one is at the same address."""
    root = _root(place)
    shutil.move(root, root.with_name(f"{root.name}.lost"))
    place.forget_lake()


def copy_lake(place: Place, name: str = "older") -> None:
    """A person copies the folder."""
    shutil.copytree(_root(place), _root(place).with_name(name))


def restore_lake(place: Place, name: str = "older") -> None:
    """The folder is replaced by a copy, at the same address."""
    root = _root(place)
    shutil.rmtree(root)
    shutil.copytree(root.with_name(name), root)
    place.forget_lake()


def find_lake(place: Place) -> None:
    """The lost folder is back at its place."""
    root = _root(place)
    shutil.rmtree(root)
    shutil.move(root.with_name(f"{root.name}.lost"), root)
    place.forget_lake()


def _root(place: Place) -> Path:
    assert place.lake.root is not None
    return place.lake.root


def merge_identities(place: Place, old: str = "u-1", new: str = "u-merged", **how: Any) -> None:
    """Mixpanel learns that two ids are one user: all rows of the old one come out under the new one."""
    place.stage.post(f"/mixpanel/projects/{place.project_id}/rewrites", {"from": old, "to": new, **how})


def hide_newest_batch(place: Place, *, hidden: bool = True) -> None:
    """The catalog has lost the newest batch, or shows it again."""
    place.change_batch(vanished=hidden)


def forge(place: Place, kind: str, batch: str, day: date = DAYS[0]) -> None:
    """Somebody writes a record by hand that names a batch of another day or dataset."""
    ledger = place.history.ledger(day)
    fields = ledger.records()[-1].model_dump(exclude=_OWN)
    record = LedgerRecord(
        number=len(ledger.records()) + 1,
        kind=kind,  # type: ignore[arg-type]
        history=ledger.history,
        **{**fields, "batch": batch, "content": "b" * 32 if kind == "created" else fields["content"]},
    )
    assert place.lake.create(ledger.key(record.number), record.model_dump_json().encode())


def remove_newest_record(place: Place, day: date = DAYS[0]) -> None:
    """The ledger is restored from a copy."""
    ledger = place.history.ledger(day)
    (_root(place) / ledger.key(len(ledger.records()))).unlink()


def as_version_5(place: Place, *days: date) -> None:
    """The lake becomes what data version 5 wrote: ledgers below the pipeline's name, and no history."""
    for day in days:
        for record in place.records(day):
            data = record.model_dump(mode="json", exclude=_SINCE_VERSION_2)
            key = f"{place.partition(day).first_ledger}/{record.number:06d}.json"
            assert place.lake.create(key, json.dumps({**data, "version": 1}).encode())
    shutil.rmtree(_root(place) / "_histories")


def second_pipeline(place: Place, name: str) -> None:
    """A second pipeline file names the same dataset; the first one's is still there."""
    folder = place.folder / "pipelines"
    folder.mkdir(exist_ok=True)
    for each in (place.pipeline.name, name):
        (folder / f"{each}.yaml").touch()
    environment = {**place.where.environment, "MIXPANEL_AEP_PIPELINES": str(folder)}
    place.change(environment=environment, pipeline=place.pipeline.model_copy(update={"name": name}))


def rename_pipeline(place: Place, name: str = "") -> None:
    """The pipeline file gets another name; without one its first name again."""
    name = name or f"faults-{place.project_id}"
    place.change(pipeline=place.pipeline.model_copy(update={"name": name}))
