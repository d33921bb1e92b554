"""W: the world changes around a pipeline whose code works: green means that AEP holds the day, all the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from include.steps.reconcile import late_beyond_window
from tests.failures.aep_failure import at
from tests.failures.failure import drop
from tests.faults import changing
from tests.faults.case import (
    ALL_OF_IT,
    Case,
    Do,
    Elsewhere,
    Go,
    Together,
    add,
    becomes,
    dies,
    fault,
    run,
    settings,
    three,
)
from tests.faults.hindrance import recipe_1
from tests.faults.looking import Check, counted
from tests.faults.place import Place, event
from tests.faults.running import DAYS, End
from tests.faults.s3 import Conditions

_AGAIN, _LOOK = run(name="again"), run(name="look", look=True)
_AUDIT = run(name="audit", task="audit")
_UNTAGGED: dict[str, Any] = {"tagged": False}
_FOREIGN = "red:ForeignLake"
_RECOVER = "mixpanel-aep recover"
_OUTAGE = tuple(DAYS[0] + timedelta(days=number) for number in range(8))
_OFF = {"start_date": _OUTAGE[0], "end_date": _OUTAGE[-1], "late_days": 0, "catch_up_days": 10}
_WINDOW = {"start_date": DAYS[0], "end_date": DAYS[2], "late_days": 3}
_LATE = add(event("Late", key="late"))


def _do(what: str, how: Any, *given: Any, **more: Any) -> Do:
    return Do(what, lambda place: how(place, *given, **more))


_SETUP = Go(run(name="setup", task="setup"))
_NEW_DATASET = _do("aep.dataset names a new dataset", changing.use_dataset, "other")
_FIRST_DATASET = _do("aep.dataset names the first dataset again", changing.use_dataset)
_OTHER_MAPPING = _do("the mapping changes", changing.use_other_mapping)
_FIRST_MAPPING = _do("the mapping is as it was", changing.use_first_mapping)
_OTHER_PROJECT = _do("the connection names another project", changing.use_other_project)
_OTHER_REGION = _do("the connection names another region", changing.use_other_region)
_FIRST_PROJECT = _do("the connection is corrected", changing.use_first_project)
_EMPTY_LAKE = _do("the lake is lost", changing.empty_lake)
_FOUND_LAKE = _do("the lake is found", changing.find_lake)
_COPY = _do("the lake is copied", changing.copy_lake)
_RESTORED = _do("the lake is restored from the copy", changing.restore_lake)
_SECOND_LAKE = _do("another lake is used", changing.use_lake, "second")
_FIRST_LAKE = _do("the first lake is used again", changing.use_lake)
_HIDDEN = _do("Catalog has lost the batch", changing.hide_newest_batch)
_SHOWN = _do("Catalog shows the batch", changing.hide_newest_batch, hidden=False)
_REBUILT = Go(run(name="recover", task="recover"))
_REMADE = _do("the dataset is made again", changing.remake_dataset)


def _holds(name: str, count: int) -> Check:
    """Another dataset of this place holds so many rows, none twice; ``name`` is its suffix, empty for the first one."""

    def check(place: Place) -> None:
        first = place.pipeline.aep.dataset.partition(" / ")[0]
        found = [identity for identity, _ in place.active_in(f"{first} / {name}" if name else first)]
        assert (len(found), len(set(found))) == (count, count)

    return check


def _prod_holds(count: int) -> Do:
    """Back in the AEP sandbox prod, the dataset holds what it held."""

    def how(place: Place) -> None:
        changing.use_aep_sandbox(place, "prod")
        assert len(place.active()) == count

    return Do("the connection names prod again", how)


def _expect(end: End, outcome: str, says: str = "") -> None:
    assert str(end) == outcome, end
    assert says in end.text, end


def _two_lakes_at_once(place: Place) -> None:
    """Two installations that share only AEP load other content of one day at the same moment."""
    one = place.start(run("batch.upload.after:1=stop", name="one"))
    assert one.wait_until_stopped()
    changing.use_other_mapping(place)
    changing.use_lake(place, "second")
    _expect(
        place.tried(run(name="two")),
        "again:OpenBatchElsewhere",
        "abort the batch in AEP if no run is filling it",
    )
    changing.use_first_mapping(place)
    changing.use_lake(place)
    one.wake()
    _expect(one.wait(), "green")


def _second_lake_overtakes(place: Place) -> None:
    """The other installation comes between the creation of a batch and its COMPLETE, and sees nothing of it."""
    one = place.start(run("batch.create.before:1=stop", name="one"))
    assert one.wait_until_stopped()
    changing.use_other_mapping(place)
    changing.use_lake(place, "second")
    _expect(place.tried(run(name="two")), "green")
    changing.use_first_mapping(place)
    changing.use_lake(place)
    one.wake()
    _expect(one.wait(), "red:UnknownBatch", _RECOVER)
    changing.use_other_mapping(place)
    changing.use_lake(place, "second")


def _other_day(place: Place) -> str:
    """Another day is loaded; its batch."""
    end = place.finish(run(name="other", day=DAYS[1]))
    assert end.outcome == "green", end
    return str(place.records(DAYS[1])[-1].batch)


def _forge(kind: str) -> Do:
    def how(place: Place) -> None:
        changing.forge(place, kind, _other_day(place))

    return Do(f"a record `{kind}` names another day's batch", how)


def _loaded(*days: date) -> Do:
    def how(place: Place) -> None:
        for day in days:
            _expect(place.finish(run(day=day)), "green")

    return Do("days are loaded", how)


def _reported(place: Place) -> None:
    """Reconcile names the day whose export may not show the event."""
    found = late_beyond_window(place.lake, place.pipeline, place.carrier.mixpanel, DAYS[2], datetime.now(UTC))
    assert found == {DAYS[0]: 1}


def _arrives(place: Place) -> None:
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    place.add({**event("Late", key="late"), "processed_at": now_ms})


_DURING = Together((run("export.piece:1=stop"),), ("green",), between=(Do("an event arrives", _arrives),))
"""An event is processed while the export of its day is on its way."""
_DURING_RECONCILE = Together(
    (run("export.piece:1=stop", name="reconcile", task="reconcile"),),
    ("green",),
    between=(Do("an event arrives", _arrives),),
)


def _conditions(conditions: Conditions) -> Do:
    def how(place: Place) -> None:
        place.stage.s3.conditions = conditions

    return Do(f"the store's create-only puts are {conditions}", how)


def _plain(*, key: bool) -> tuple[Any, ...]:
    """Three events that differ, with an ``$insert_id`` or without."""
    names = ("Viewed", "Added", "Purchase")
    without: dict[str, Any] = {"$insert_id": None}
    return tuple(event(name) if key else event(name, **without) for name in names)


def _still_same(place: Place) -> None:
    assert place.kinds() == list(ALL_OF_IT)


def _begin_with_recipe_1(place: Place) -> None:
    """A version that knew recipe 1 only loads the day."""
    now = place.where.prepare
    place.change(prepare=recipe_1)
    _expect(place.tried(run()), "green")
    place.change(prepare=now)


def _recipes(*recipes: int) -> Check:
    """The recipes of the day's loads, oldest first."""

    def check(place: Place) -> None:
        assert tuple(record.recipe for record in place.records() if record.kind == "active") == recipes

    return check


_BEGUN = Do("a day begun with recipe 1", _begin_with_recipe_1)
_MERGED = _do("an identity merge", changing.merge_identities)
_OLD_FORMAT = _do("the lake is of data version 5", changing.as_version_5, DAYS[0])
_REPLACE = run(name="replace", replace=True)

CASES: tuple[Case | Elsewhere, ...] = (
    # The dataset and the AEP sandbox: another target is another history.
    *(Case(f"W01/{name}", "aep.dataset of the pipeline is changed to a new dataset", "everything is loaded into the new one",
           (Go(), _NEW_DATASET), run=again, check=_holds("", 3), ledger=ALL_OF_IT)
      for name, again in (("append", _AGAIN), ("replace", _REPLACE))),
    Case("W01/untagged", "the same where an earlier version has made the datasets", "everything is loaded into the new one",
         (Go(), _NEW_DATASET), run=_AGAIN, check=_holds("", 3), ledger=ALL_OF_IT, **_UNTAGGED),
    Case("W01/and back", "aep.dataset is changed, and changed back; events come late", "each dataset holds each event once",
         (Go(), _NEW_DATASET, Go(_AGAIN), _LATE, _FIRST_DATASET), run=_LOOK, active=4, batches=2,
         check=_holds("other", 3), ledger=ALL_OF_IT * 2),
    Case("W01/in mid run", "aep.dataset is changed between two tries of one run", "the day is staged for the new dataset, and loaded there",
         (dies("batch.complete.before"), _NEW_DATASET), ledger=ALL_OF_IT),
    Case("W02", "aep_sandbox of the connection changes from prod to dev, and back", "everything is loaded in dev; nothing again in prod",
         (Go(), _do("the connection names dev", changing.use_aep_sandbox, "dev"), Go(_AGAIN),
          Do("dev holds the day", lambda place: _expect_active(place, 3)), _prod_holds(3)), run=run(name="back"), ledger=ALL_OF_IT),
    # The project: a dataset belongs to one.
    *(Case(f"W03/{name}", "the Mixpanel connection points at another project", "red, names both projects; nothing is sent",
           (Go(), _OTHER_PROJECT, Go(_AGAIN, "red:AnotherSource", "Correct the Mixpanel connection"),
            Go(_REPLACE, "red:AnotherSource", "Correct the Mixpanel connection"), _FIRST_PROJECT), run=run(name="corrected"), ledger=ALL_OF_IT, **more)
      for name, more in (("tagged", {}), ("untagged", _UNTAGGED))),
    Case("W03/in mid run", "the connection is changed between two tasks of a run", "what was exported of the first project is not sent",
         (Go(run(until="validate")), _OTHER_PROJECT, Go(ends="red:AnotherSource", says="Clear the task export|Correct the Mixpanel connection"),
          _FIRST_PROJECT), ledger=ALL_OF_IT, **_UNTAGGED),
    Case("W04", "the connection names the same project number in another region", "red, names both; nothing is sent",
         (Go(), _OTHER_REGION, Go(_LOOK, "red:AnotherSource", "us/.*eu/|eu/.*us/"), _FIRST_PROJECT), run=run(name="corrected"), ledger=ALL_OF_IT),
    # The lake: a dataset is loaded through one.
    Case("W05/tagged", "the lake is lost: an empty folder at the same address", "red, names the way to rebuild it; found, it goes on",
         (Go(), _EMPTY_LAKE, Go(_AGAIN, _FOREIGN, _RECOVER), Go(_REPLACE, _FOREIGN, _RECOVER), _FOUND_LAKE), run=run(name="found"), ledger=ALL_OF_IT),
    Case("W05/untagged", "a lake of an earlier version is lost; the same content", "the batch in AEP is found again",
         (Go(), _EMPTY_LAKE), run=_AGAIN, ledger=("claimed", "created", "active"), **_UNTAGGED),
    Case("W05/untagged, other content", "a lake of an earlier version is lost; the mapping has changed", "red, names the batch and the way out",
         (Go(), _EMPTY_LAKE, _OTHER_MAPPING, Go(_AGAIN, "red:UnknownBatch", _RECOVER), Go(_REPLACE, "red:UnknownBatch", _RECOVER),
          _FIRST_MAPPING, _FOUND_LAKE), run=run(name="found"), ledger=ALL_OF_IT, **_UNTAGGED),
    Case("W05/recovered", "the lake is lost, and rebuilt from AEP; events came late", "the days are known again; only what is late is loaded",
         (Go(), _loaded(DAYS[1]), _LATE, _EMPTY_LAKE, Go(_AGAIN, _FOREIGN, _RECOVER), _REBUILT), (*three(), *three(DAYS[1])), run=_LOOK, active=7,
         batches=3, ledger=ALL_OF_IT * 2),
    Case("W05/recovered, untagged", "the same, set up by an earlier version", "the days are known again; nothing is loaded twice",
         (Go(), _EMPTY_LAKE, _OTHER_MAPPING, Go(_AGAIN, "red:UnknownBatch", _RECOVER), _REBUILT), run=run(name="rebuilt", look=True),
         ledger=None, **_UNTAGGED),
    Case("W06/recovered", "the lake is restored from a copy from before late events were loaded, and completed from AEP", "nothing is loaded twice",
         (Go(), _COPY, _LATE, Go(_LOOK), _RESTORED, _REBUILT), run=run(name="again", look=True), active=4, batches=2),
    Case("W06/before the day", "the lake is restored from a copy from before the day", "the batch in AEP is found again",
         (_COPY, Go(), _RESTORED), run=_AGAIN, ledger=("claimed", "created", "active")),
    Case("W06/other content", "the same, and the mapping has changed", "red, names the batch and the way out",
         (_COPY, Go(), _do("the lake is kept aside", changing.copy_lake, "newest"), _RESTORED, _OTHER_MAPPING,
          Go(_AGAIN, "red:UnknownBatch", _RECOVER), _FIRST_MAPPING, _do("the newest copy is found", changing.restore_lake, "newest")),
         run=run(name="found"), ledger=ALL_OF_IT),
    Case("W06/before late events", "the lake is restored from a copy from before late events were loaded", "they are not loaded twice",
         (Go(), _COPY, _LATE, Go(_LOOK), _RESTORED), run=run(name="again", look=True), active=4, batches=2),
    Case("W06/in mid load", "the lake is restored from a copy that was made while the day was loaded", "one batch",
         (dies("batch.create.after"), _COPY, Go(), _RESTORED), run=_AGAIN),
    Case("W07/tagged", "a second lake for one dataset", "red, names both lakes; nothing is sent",
         (Go(), _SECOND_LAKE, Go(_AGAIN, _FOREIGN, "Correct the lake"), Go(_REPLACE, _FOREIGN), _FIRST_LAKE), run=run(name="corrected"), ledger=ALL_OF_IT),
    Case("W07/untagged", "the same, set up by an earlier version; other content", "red, names the batch and the way out",
         (Go(), _SECOND_LAKE, _OTHER_MAPPING, Go(_AGAIN, "red:UnknownBatch", _RECOVER), _FIRST_MAPPING, _FIRST_LAKE), run=run(name="corrected"),
         ledger=ALL_OF_IT, **_UNTAGGED),
    Case("W07/at once", "two lakes load one day at the same moment", "the older batch continues, the other run stops",
         (Do("two installations", _two_lakes_at_once),), run=run(name="one"), ledger=ALL_OF_IT, **_UNTAGGED),
    Case("W07/overtaken", "the other lake's batch becomes active between our listing and COMPLETE", "ours is ended, red with the way out",
         (Do("two installations", _second_lake_overtakes),), run=run(name="two"), batches=2, ledger=ALL_OF_IT, **_UNTAGGED),
    # AEP forgets.
    Case("W08/active", "AEP does not know a batch that the ledger calls active", "not green: unconfirmed, with the way out; audit names the day",
         (Go(), _HIDDEN, Go(_AGAIN, "again:BatchUnconfirmed", "ledger release"),
          Go(_AUDIT, "red:DaysMissing", "does not list it"), _SHOWN, Go(run(name="audited", task="audit"))), run=run(name="shown"),
         pipeline={"start_date": DAYS[0], "end_date": DAYS[0]}, ledger=ALL_OF_IT),
    Case("W08/completing", "AEP does not know a batch that was completed", "not waited for for ever: unconfirmed, with the way out",
         (dies("batch.complete.after"), _HIDDEN, Go(ends="again:BatchUnconfirmed", says="ledger release"), _SHOWN), ledger=ALL_OF_IT),
    Case("W08/created", "AEP does not know a batch that was created", "unconfirmed, with the way out",
         (dies("ledger.created.after"), _HIDDEN, Go(ends="again:BatchUnconfirmed", says="ledger release"), _SHOWN), ledger=ALL_OF_IT),
    Case("W08/for good", "a batch is taken out of AEP and of its catalog", "unconfirmed; released by a person, the day is loaded again",
         (Go(), becomes("inactive"), _HIDDEN, Go(_AGAIN, "again:BatchUnconfirmed", "ledger release"), Go(run(name="release", task="release"))),
         run=run(name="released"), batches=2, ledger=(*ALL_OF_IT, "gone", *ALL_OF_IT)),
    Case("W09/tagged", "the dataset is deleted and made again under its name", "red, names setup; then everything is loaded",
         (Go(), _REMADE, Go(_AGAIN, _FOREIGN, "Run setup"), _SETUP), run=run(name="after"), ledger=ALL_OF_IT),
    Case("W09/untagged", "the same, set up by an earlier version", "everything is loaded", (Go(), _REMADE), run=_AGAIN, ledger=ALL_OF_IT, **_UNTAGGED),
    # Days without runs.
    Case("W10", "the scheduler was off for a week", "audit names every day; reconcile loads them",
         (_loaded(_OUTAGE[0], _OUTAGE[-1]), Go(_AUDIT, "red:DaysMissing", r"6 of 8 days.*2026-07-02 \(never run\).*(backfill|catch_up_days)"),
          Go(run(name="reconcile", task="reconcile"))), tuple(each for day in _OUTAGE for each in three(day)), pipeline=_OFF, run=_AUDIT,
         active=24, batches=8),
    Case("W10/limit", "the same, and reconcile may load three days a run", "the newest first; the others stay named",
         (_loaded(_OUTAGE[0], _OUTAGE[-1]), Go(run(name="reconcile", task="reconcile")),
          Go(_AUDIT, "red:DaysMissing", r"3 of 8 days.*2026-07-02 \(never run\)")), tuple(each for day in _OUTAGE for each in three(day)),
         pipeline={**_OFF, "catch_up_days": 3}, finally_=None, active=15, batches=5, lost=9),
    Case("W10/half way", "a day's run ended after its export", "audit says how far it came",
         (_loaded(_OUTAGE[0]), Go(run(day=DAYS[1], until="export")), Go(_AUDIT, "red:DaysMissing", "export is its last finished step"),
          Go(run(name="reconcile", task="reconcile"))), (*three(), *three(DAYS[1])), pipeline={**_OFF, "end_date": DAYS[1]}, run=_AUDIT,
         active=6, batches=2),
    # The store.
    *(Case(f"W11/{conditions}", "a store without conditional puts", "red before anything is sent, says which store does",
           (_conditions(conditions), Go(ends="red:UnsafeStore", says="If-None-Match"), _conditions("kept")), lake="s3", ledger=ALL_OF_IT)
      for conditions in ("stripped", "ignored", "overwritten")),
    # Identities.
    *(Case(f"W12/{name}", "an identity merge rewrites distinct_id", "nothing is loaded again", (Go(), _MERGED, Go(_LOOK)),
           _plain(key=key), run=run(name="look-2", look=True), check=_still_same) for name, key in (("insert id", True), ("no insert id", False))),
    Case("W12/processing time", "the merge also gives the rows a new processing time", "nothing is loaded again",
         (Go(), _do("an identity merge", changing.merge_identities, touches_processing=True)), _plain(key=False), run=_LOOK, check=_still_same),
    Case("W12/before the first load", "the merge came before the first export, a second one after it", "nothing is loaded again",
         (_MERGED, Go(), _do("another merge", changing.merge_identities, "u-merged", "u-again")), _plain(key=False), run=_LOOK, check=_still_same),
    # A stated limit: such a row cannot be told from another user's event. It is counted.
    Case("W12/no before-id", "a merge leaves no id of before", "loaded under the new id, and counted as vanished under the old",
         (Go(), _do("an identity merge", changing.merge_identities, keep_before=False)), _plain(key=False), run=_LOOK, active=6, batches=2,
         check=counted("stage", vanished=3)),
    # Late events.
    Case("W13/refreshed", "an event is processed while its day is exported", "the next refresh loads it", (_DURING,), run=_LOOK, active=4,
         batches=None),
    Case("W13/beyond the window", "the same, and its day is not refreshed any more", "reconcile names the day; one command loads it",
         (_DURING, Do("reconcile counts it", _reported)), run=run(name="look", look=True), active=4, batches=None),
    Case("W13/reconcile", "an event is processed while reconcile exports all days of its window at once", "the next reconcile loads it",
         (_loaded(*DAYS), _DURING_RECONCILE, Go(run(name="next", task="reconcile"))), (*three(), *three(DAYS[1]), *three(DAYS[2])),
         pipeline=_WINDOW, run=run(name="next"), active=10, batches=None),
    Case("W13/killed", "reconcile dies on its way, and is tried again", "what is late is loaded once",
         (_loaded(*DAYS), _LATE, dies("ledger.completing.after", name="reconcile", task="reconcile"),
          Go(run(name="reconcile", task="reconcile"))), (*three(), *three(DAYS[1]), *three(DAYS[2])), pipeline=_WINDOW, run=run(name="next"),
         active=10, batches=4),
    # The ledger.
    *(Case(f"W14/{kind} {name}", "a ledger record names another day's batch", "red, names the batch; the other day's rows stay",
           (Go(), _forge(kind), Go(again, "red:LedgerContradicted", "ledger show"),
            _do("the record is removed", changing.remove_newest_record)), (*three(), *three(DAYS[1])), run=run(name="restored"), active=6, batches=2,
           ledger=ALL_OF_IT) for kind in ("active", "created") for name, again in (("append", _AGAIN), ("replace", _REPLACE))),
    Case("W15", "a second pipeline file names the same dataset", "red, names both pipelines; nothing is sent",
         (Go(), _do("a second pipeline", changing.second_pipeline, "second"), Go(_AGAIN, "red:AnotherPipeline", "a dataset of its own"),
          Do("it is removed", lambda place: changing.second_pipeline(place, f"faults-{place.project_id}"))), run=run(name="first"), ledger=ALL_OF_IT),
    *(Case(f"W15/{name}", "a second pipeline in another installation, which shares only AEP, names the same dataset",
           "red, names what AEP holds and the way out", (Go(), _do("a second pipeline", changing.rename_pipeline, "second"), _SECOND_LAKE,
            _OTHER_MAPPING, Go(_AGAIN, error, says), _do("it is removed", changing.rename_pipeline), _FIRST_MAPPING, _FIRST_LAKE),
           run=run(name="first"), ledger=ALL_OF_IT, **more)
      for name, error, says, more in (("elsewhere", _FOREIGN, "Correct the lake", {}),
                                      ("elsewhere, untagged", "red:UnknownBatch", _RECOVER, _UNTAGGED))),
    Case("W15/renamed", "the pipeline file is renamed", "its history goes on; nothing is loaded twice",
         (Go(), _do("it is renamed", changing.rename_pipeline, "renamed")), run=_AGAIN, ledger=ALL_OF_IT),
    # What earlier versions wrote.
    Case("W16", "a lake of data version 5", "its ledgers are taken over; nothing is loaded twice", (Go(), _OLD_FORMAT), run=_AGAIN,
         ledger=ALL_OF_IT, **_UNTAGGED),
    Case("W16/late events", "the same, and events came late", "only they are loaded", (Go(), _OLD_FORMAT, _LATE),
         run=_LOOK, active=4, batches=2, ledger=ALL_OF_IT * 2, **_UNTAGGED),
    Case("W16/another dataset", "the same, and the pipeline names a new dataset", "everything is loaded into the new one",
         (Go(), _OLD_FORMAT, _NEW_DATASET), run=_AGAIN, check=_holds("", 3), ledger=ALL_OF_IT, **_UNTAGGED),
    Case("W16/another project", "the same, and the connection names another project", "red, names both; nothing is sent",
         (Go(), _OLD_FORMAT, _OTHER_PROJECT, Go(_AGAIN, "red:AnotherSource", "Correct the Mixpanel connection"), _FIRST_PROJECT),
         run=run(name="corrected"), ledger=ALL_OF_IT, **_UNTAGGED),
    Case("W16/set up again", "the same, and setup of this version has run", "its ledgers are taken over; nothing is loaded twice",
         (Go(), _OLD_FORMAT, _SETUP), run=_AGAIN, ledger=ALL_OF_IT, **_UNTAGGED),
    # The recipe of an _id is a contract.
    Case("W18", "a day was begun with recipe 1, events without an $insert_id; one comes late", "only the late one is loaded",
         (_BEGUN, _LATE), _plain(key=False), run=_LOOK, active=4, batches=2, ledger=ALL_OF_IT * 2, check=_recipes(1, 1)),
    Case("W18/replaced", "the same, and the day is replaced", "the day has the current recipe", (_BEGUN, Go(_LOOK)), _plain(key=False), run=_REPLACE,
         batches=2, ledger=ALL_OF_IT * 2, check=_recipes(1, 2)),
    Elsewhere("W19", "time_in_ms is switched on", "events without an $insert_id keep their ids",
              ("tests/steps/test_odd_events.py::test_an_event_without_insert_id_stays_one_when_milliseconds_are_asked_for",)),
    Elsewhere("W20", "an event comes back with other properties", "not loaded again, and counted as changed",
              ("tests/steps/test_odd_events.py::test_an_event_without_insert_id_stays_one_when_its_user_logs_in",)),
    Elsewhere("W21", "days settle later than the window is long", "the window counts back from the last settled day",
              ("tests/steps/test_audit.py::test_the_window_counts_back_from_the_last_settled_day",)),
    # AEP enforces what it recommends.
    Case("W17/swept", "externalIds are unique, create's answer is lost, the orphan is swept", "a new batch under the next number",
         (settings(external_ids="unique"), dies("batch.create.after"), becomes("aborted")), batches=2, ledger=ALL_OF_IT),
    Case("W17/answer lost", "externalIds are unique, and create's answer is lost", "the batch is found again",
         (settings(external_ids="unique"), fault(at("create", drop(after=True)))), ledger=ALL_OF_IT),
)  # fmt: skip


def _expect_active(place: Place, count: int) -> None:
    assert len(place.active()) == count
