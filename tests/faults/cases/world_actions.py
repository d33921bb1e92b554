"""Actions and checks by name for the cases with a changing environment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from include.steps.reconcile.window import late_beyond_window
from tests.faults import world_changes as changing
from tests.faults.case import (
    ALL_OF_IT,
    Do,
    Go,
    Together,
    add,
    run,
)
from tests.faults.chaos.faults import recipe_1
from tests.faults.chaos.observe import Check
from tests.faults.process_run import DAYS, End
from tests.faults.s3_proxy import Conditions
from tests.faults.scenario import Scenario, event

AGAIN, REFRESH = run(name="again"), run(name="refresh", refresh=True)
AUDIT = run(name="audit", task="audit")
UNTAGGED: dict[str, Any] = {"tagged": False}
FOREIGN = "red:ForeignLake"
RECOVER = "mixpanel-aep recover"
OUTAGE = tuple(DAYS[0] + timedelta(days=number) for number in range(8))
OFF = {"start_date": OUTAGE[0], "end_date": OUTAGE[-1], "late_days": 0, "catch_up_days": 10}
WINDOW = {"start_date": DAYS[0], "end_date": DAYS[2], "late_days": 3}
LATE = add(event("Late", key="late"))


def do(what: str, how: Any, *given: Any, **more: Any) -> Do:
    """Return an action: ``how``, given the scenario and its arguments."""
    return Do(what, lambda scenario: how(scenario, *given, **more))


SETUP = Go(run(name="setup", task="setup"))
NEW_DATASET = do("aep.dataset names a new dataset", changing.use_dataset, "other")
FIRST_DATASET = do("aep.dataset names the first dataset again", changing.use_dataset)
OTHER_MAPPING = do("the mapping changes", changing.use_other_mapping)
FIRST_MAPPING = do("the mapping is as it was", changing.use_first_mapping)
OTHER_PROJECT = do("the connection names another project", changing.use_other_project)
OTHER_REGION = do("the connection names another region", changing.use_other_region)
FIRST_PROJECT = do("the connection is corrected", changing.use_first_project)
EMPTY_LAKE = do("the lake is lost", changing.empty_lake)
FOUND_LAKE = do("the lake is found", changing.find_lake)
COPY = do("the lake is copied", changing.copy_lake)
RESTORED = do("the lake is restored from the copy", changing.restore_lake)
SECOND_LAKE = do("another lake is used", changing.use_lake, "second")
FIRST_LAKE = do("the first lake is used again", changing.use_lake)
HIDDEN = do("Catalog has lost the batch", changing.hide_newest_batch)
SHOWN = do("Catalog shows the batch", changing.hide_newest_batch, hidden=False)
REBUILT = Go(run(name="recover", task="recover"))
REMADE = do("the dataset is made again", changing.remake_dataset)


def holds(name: str, count: int) -> Check:
    """Assert the rows of another dataset of this scenario, without duplicates; ``name`` is its suffix, empty for the first."""

    def check(scenario: Scenario) -> None:
        first = scenario.pipeline.aep.dataset.partition(" / ")[0]
        found = [identity for identity, _ in scenario.active_in(f"{first} / {name}" if name else first)]
        assert (len(found), len(set(found))) == (count, count)

    return check


def prod_holds(count: int) -> Do:
    """Assert that the dataset is unchanged in the AEP sandbox prod."""

    def how(scenario: Scenario) -> None:
        changing.use_aep_sandbox(scenario, "prod")
        assert len(scenario.active()) == count

    return Do("the connection names prod again", how)


def expect(end: End, outcome: str, says: str = "") -> None:
    """Assert how a try ended, and that its error has the text."""
    assert str(end) == outcome, end
    assert says in end.text, end


def two_lakes_at_once(scenario: Scenario) -> None:
    """Two installations that share only AEP load different content of one day at the same time."""
    one = scenario.start(run("batch.upload.after:1=stop", name="one"))
    assert one.wait_until_stopped()
    changing.use_other_mapping(scenario)
    changing.use_lake(scenario, "second")
    expect(
        scenario.tried(run(name="two")),
        "again:OpenBatchElsewhere",
        "Abort the batch in AEP if no run is filling it",
    )
    changing.use_first_mapping(scenario)
    changing.use_lake(scenario)
    one.wake()
    expect(one.wait(), "green")


def second_lake_overtakes(scenario: Scenario) -> None:
    """The other installation acts between the creation of a batch and its COMPLETE, and does not notice it."""
    one = scenario.start(run("batch.create.before:1=stop", name="one"))
    assert one.wait_until_stopped()
    changing.use_other_mapping(scenario)
    changing.use_lake(scenario, "second")
    expect(scenario.tried(run(name="two")), "green")
    changing.use_first_mapping(scenario)
    changing.use_lake(scenario)
    one.wake()
    expect(one.wait(), "red:UnknownBatch", RECOVER)
    changing.use_other_mapping(scenario)
    changing.use_lake(scenario, "second")


def other_day(scenario: Scenario) -> str:
    """Load another day and return its batch."""
    end = scenario.finish(run(name="other", day=DAYS[1]))
    assert end.outcome == "green", end
    return str(scenario.records(DAYS[1])[-1].batch)


def forge(kind: str) -> Do:
    """Write a record by hand that names another day's batch."""

    def how(scenario: Scenario) -> None:
        changing.forge(scenario, kind, other_day(scenario))

    return Do(f"a record `{kind}` names another day's batch", how)


def forge_of_open_batch(scenario: Scenario) -> None:
    """Write a record by hand that names a batch that another dataset's run is filling."""
    changing.use_dataset(scenario, "other")
    expect(scenario.tried(run("ledger.created.after:1=exit", name="elsewhere")), "died")
    batch = str(scenario.records()[-1].batch)
    changing.use_dataset(scenario)
    changing.forge(scenario, "created", batch)


def other_batch_is_open(scenario: Scenario) -> None:
    """Assert that the other dataset's batch was not ended."""
    changing.use_dataset(scenario, "other")
    assert [batch["status"] for batch in scenario.batches()] == ["loading"]


def loaded(*days: date) -> Do:
    """Run these days to their green ends."""

    def how(scenario: Scenario) -> None:
        for day in days:
            expect(scenario.finish(run(day=day)), "green")

    return Do("days are loaded", how)


def reported(scenario: Scenario) -> None:
    """Assert that reconcile names the day whose export may lack the event."""
    found = late_beyond_window(
        scenario.lake, scenario.pipeline, scenario.runner.mixpanel, DAYS[2], datetime.now(UTC)
    )
    assert found == {DAYS[0]: 1}


def arrives(scenario: Scenario) -> None:
    """Let Mixpanel process an event of the first day now."""
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    scenario.add({**event("Late", key="late"), "processed_at": now_ms})


DURING = Together((run("export.piece:1=stop"),), ("green",), between=(Do("an event arrives", arrives),))
"""An event is processed while the export of its day is on its way."""
DURING_RECONCILE = Together(
    (run("export.piece:1=stop", name="reconcile", task="reconcile"),),
    ("green",),
    between=(Do("an event arrives", arrives),),
)


def conditions(conditions: Conditions) -> Do:
    """Set how create-only puts behave from now on."""

    def how(scenario: Scenario) -> None:
        scenario.stage.s3.conditions = conditions

    return Do(f"the store's create-only puts are {conditions}", how)


def plain(*, key: bool) -> tuple[Any, ...]:
    """Return three different events, with or without an ``$insert_id``."""
    names = ("Viewed", "Added", "Purchase")
    without: dict[str, Any] = {"$insert_id": None}
    return tuple(event(name) if key else event(name, **without) for name in names)


def still_same(scenario: Scenario) -> None:
    """Assert that nothing was written after the first load."""
    assert scenario.kinds() == list(ALL_OF_IT)


def begin_with_recipe_1(scenario: Scenario) -> None:
    """Load the day with a version that knew recipe 1 only."""
    now = scenario.where.prepare
    scenario.change(prepare=recipe_1)
    expect(scenario.tried(run()), "green")
    scenario.change(prepare=now)


def recipes(*recipes: int) -> Check:
    """Return the recipes of the day's loads, oldest first."""

    def check(scenario: Scenario) -> None:
        assert tuple(record.recipe for record in scenario.records() if record.kind == "active") == recipes

    return check


BEGUN = Do("a day begun with recipe 1", begin_with_recipe_1)
MERGED = do("an identity merge", changing.merge_identities)
OLD_FORMAT = do("the lake is of data version 5", changing.as_version_5, DAYS[0])
REPLACE = run(name="replace", replace=True)


def expect_active(scenario: Scenario, count: int) -> None:
    """Assert the number of rows that AEP holds."""
    assert len(scenario.active()) == count
