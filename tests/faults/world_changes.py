"""Changes around a pipeline: another dataset, AEP sandbox, project or lake, and actions of other people."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from include.lake.ledger import LedgerRecord
from tests.faults.process_run import DAYS
from tests.faults.scenario import ACCOUNT, Scenario, event
from tests.support.canaries import MIXPANEL_SECRET

_OWN = {"number", "kind", "version", "history"}
"""What a ledger writes itself."""
_OTHER = 1_000_000
"""How far another project's number is from this one's."""
_SINCE_VERSION_2 = {"ids", "refused", "recipe", "made_of", "history"}


def use_dataset(scenario: Scenario, suffix: str = "") -> None:
    """Name another dataset in the pipeline file, which setup creates; without a suffix the first one again."""
    name = scenario.pipeline.aep.dataset.partition(" / ")[0] + (f" / {suffix}" if suffix else "")
    _change_pipeline(scenario, "aep", dataset=name)
    found = scenario.runner.aep.catalog.find_dataset(name)
    scenario.dataset_id = found["id"] if found else scenario.create_dataset()


def use_aep_sandbox(scenario: Scenario, name: str) -> None:
    """Name another AEP sandbox in the AEP connection; setup creates what is missing there."""
    extra = {**scenario.where.aep_connection.get("extra", {}), "aep_sandbox": name}
    scenario.change(aep_connection={**scenario.where.aep_connection, "extra": extra})
    scenario.runner.setup()
    scenario.dataset_id = scenario.runner.aep.catalog.require_dataset(scenario.pipeline.aep.dataset)["id"]


def use_project(scenario: Scenario, **changes: Any) -> None:
    """Name another project or region in the Mixpanel connection; without changes the first one again."""
    extra = {"project_id": scenario.project_id, "region": "us", **changes}
    scenario.change(connection={**scenario.where.connection, "extra": extra})


def use_other_project(scenario: Scenario) -> None:
    """Name another project in the connection, which its account may read and whose day has different events."""
    other = scenario.project_id + _OTHER
    account = {"username": ACCOUNT, "secret": MIXPANEL_SECRET}
    scenario.stage.post(
        "/mixpanel/projects", {"id": other, "limits": {"enabled": False}, "accounts": [account]}
    )
    scenario.stage.post(f"/mixpanel/projects/{other}/events", {"events": [event("Theirs", key="theirs")]})
    use_project(scenario, project_id=other)


def use_other_region(scenario: Scenario) -> None:
    """Name the same number in another region, where it is another company's project."""
    scenario.stage.post("/mixpanel/projects", {"id": scenario.project_id, "region": "eu"})
    use_project(scenario, region="eu")


def use_first_project(scenario: Scenario) -> None:
    """Correct the connection."""
    scenario.stage.post("/mixpanel/projects", {"id": scenario.project_id, "region": "us"})
    use_project(scenario)


def remake_dataset(scenario: Scenario) -> None:
    """Delete the dataset and create one of the same name, without the tags of the first."""
    scenario.delete_dataset()
    tagged, scenario.tagged = scenario.tagged, False
    scenario.dataset_id = scenario.create_dataset()
    scenario.tagged = tagged


def use_other_mapping(scenario: Scenario) -> None:
    """Let the pipeline file drop unmapped properties: the same events become rows of other content."""
    scenario.change(pipeline=scenario.pipeline.model_copy(update={"unmapped": "drop"}))


def use_first_mapping(scenario: Scenario) -> None:
    """Restore the pipeline file."""
    scenario.change(pipeline=scenario.pipeline.model_copy(update={"unmapped": "keep"}))


def _change_pipeline(scenario: Scenario, section: str, **changes: Any) -> None:
    changed = getattr(scenario.pipeline, section).model_copy(update=changes)
    scenario.change(pipeline=scenario.pipeline.model_copy(update={section: changed}))


def use_lake(scenario: Scenario, suffix: str = "", *, copy: bool = False) -> None:
    """Use another lake from now on, an empty one or a copy; without a suffix the first one."""
    before, first = scenario.lake, scenario.where.lake.partition("~")[0]
    scenario.change(lake=f"{first}~{suffix}" if suffix else first)
    if copy:
        for key in before.keys(""):
            body = before.read(key)
            assert body is not None
            scenario.lake.replace(key, body)


def empty_lake(scenario: Scenario) -> None:
    """Replace the lost folder by an empty one at the same address."""
    root = _root(scenario)
    shutil.move(root, root.with_name(f"{root.name}.lost"))
    scenario.forget_lake()


def copy_lake(scenario: Scenario, name: str = "older") -> None:
    """Copy the folder."""
    shutil.copytree(_root(scenario), _root(scenario).with_name(name))


def restore_lake(scenario: Scenario, name: str = "older") -> None:
    """Replace the folder by a copy, at the same address."""
    root = _root(scenario)
    shutil.rmtree(root)
    shutil.copytree(root.with_name(name), root)
    scenario.forget_lake()


def find_lake(scenario: Scenario) -> None:
    """Put the lost folder back in its place."""
    root = _root(scenario)
    shutil.rmtree(root)
    shutil.move(root.with_name(f"{root.name}.lost"), root)
    scenario.forget_lake()


def _root(scenario: Scenario) -> Path:
    assert scenario.lake.root is not None
    return scenario.lake.root


def merge_identities(scenario: Scenario, old: str = "u-1", new: str = "u-merged", **how: Any) -> None:
    """Let Mixpanel merge two ids into one user: all rows of the old id are returned under the new one."""
    scenario.stage.post(f"/mixpanel/projects/{scenario.project_id}/rewrites", {"from": old, "to": new, **how})


def hide_newest_batch(scenario: Scenario, *, hidden: bool = True) -> None:
    """Let the catalog lose the newest batch, or show it again."""
    scenario.change_batch(vanished=hidden)


def forge(scenario: Scenario, kind: str, batch: str, day: date = DAYS[0]) -> None:
    """Write a record by hand that names a batch of another day or dataset."""
    ledger = scenario.history.ledger(day)
    fields = ledger.records()[-1].model_dump(exclude=_OWN)
    record = LedgerRecord(
        number=len(ledger.records()) + 1,
        kind=kind,  # type: ignore[arg-type]
        history=ledger.history,
        **{**fields, "batch": batch, "content": "b" * 32 if kind == "created" else fields["content"]},
    )
    assert scenario.lake.create(ledger.key(record.number), record.model_dump_json().encode())


def remove_newest_record(scenario: Scenario, day: date = DAYS[0]) -> None:
    """Restore the ledger from a copy."""
    ledger = scenario.history.ledger(day)
    (_root(scenario) / ledger.key(len(ledger.records()))).unlink()


def as_version_5(scenario: Scenario, *days: date) -> None:
    """Turn the lake into what data version 5 wrote: ledgers below the pipeline's name, and no history."""
    for day in days:
        for record in scenario.records(day):
            data = record.model_dump(mode="json", exclude=_SINCE_VERSION_2)
            key = f"{scenario.partition(day).legacy_ledger}/{record.number:06d}.json"
            assert scenario.lake.create(key, json.dumps({**data, "version": 1}).encode())
    shutil.rmtree(_root(scenario) / "_histories")


def second_pipeline(scenario: Scenario, name: str) -> None:
    """Add a second pipeline file for the same dataset; the first one's still exists."""
    folder = scenario.folder / "pipelines"
    folder.mkdir(exist_ok=True)
    for each in (scenario.pipeline.name, name):
        (folder / f"{each}.yaml").touch()
    environment = {**scenario.where.environment, "MIXPANEL_AEP_PIPELINES": str(folder)}
    scenario.change(environment=environment, pipeline=scenario.pipeline.model_copy(update={"name": name}))


def rename_pipeline(scenario: Scenario, name: str = "") -> None:
    """Rename the pipeline file; without a name back to its first name."""
    name = name or f"faults-{scenario.project_id}"
    scenario.change(pipeline=scenario.pipeline.model_copy(update={"name": name}))
