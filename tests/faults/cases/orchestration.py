"""O: runs that overlap, die, pause and start late."""

from __future__ import annotations

from include.lake.manifests import manifest_keys
from tests.faults.case import ALL_OF_IT, Case, Do, Elsewhere, Go, Together, add, dies, run, three
from tests.faults.chaos.faults import newer_code
from tests.faults.process_run import DAYS
from tests.faults.scenario import Scenario, event

_ONE_RUN, _RUNS = "tests/airflow/test_faults_of_one_run.py", "tests/airflow/test_faults_through_airflow.py"
_LATE = "tests/steps/ingest/test_late_and_replaced.py"
_EITHER = "green|again:Conflict"
_TWO_DAYS = (*three(DAYS[0]), *three(DAYS[1]))
_HOURS = 7200.0
_TAKEN_OVER = ("claimed", *ALL_OF_IT)
_PAUSES = ("ledger.claimed.before", "ledger.claimed.after", "batch.create.after", "ledger.created.after", "batch.upload.after",
           "ledger.completing.before", "ledger.completing.after", "batch.complete.after", "ledger.active.before")  # fmt: skip
"""Wherever a run can be overtaken."""
_DEPLOYED = Do("newer code is deployed", lambda scenario: scenario.change(prepare=newer_code))


def _late(*days: int) -> Do:
    """Add two late events to each of these days."""
    return add(*(event("Late", day=DAYS[day], key=f"late-{day}-{n}") for day in days for n in (1, 2)))


def _finished(*names: str, day: int = 1) -> Do:
    """Run the other day to its end."""

    def finish(scenario: Scenario) -> None:
        for name in names:
            end = scenario.finish(run(name=name, day=DAYS[day]))
            assert end.outcome == "green", end.text

    return Do("the other day's runs end", finish)  # fmt: skip


def _one_batch_a_day(scenario: Scenario) -> None:
    assert [scenario.kinds(day).count("active") for day in DAYS[:2]] == [1, 1]


def _made_anew(scenario: Scenario) -> None:
    assert len(manifest_keys(scenario.lake, scenario.partition(), "transform")) == 2


CASES: tuple[Case | Elsewhere, ...] = (
    Case("O01", "one date is triggered twice at once", "one works, the other finds it done, or waits for it",
         (Together((run(), run(name="manual")), (_EITHER, _EITHER)),)),
    Case("O01/s3 four", "four runs of one date at once, the lake in S3", "one works, the others find it done, or wait for it",
         (Together(tuple(run(name=f"manual-{n}") for n in range(4)), (_EITHER,) * 4),), lake="s3"),
    Elsewhere("O01/Airflow", "two manual runs at once", "the overtaken one is retried and finds it done",
              (f"{_RUNS}::test_two_manual_runs_of_one_partition_at_once",)),
    Case("O02", "two backfills over overlapping ranges", "as O01, for each date",
         (Together(tuple(run(name=name, day=day) for name in ("one", "other") for day in DAYS[:2]), (_EITHER,) * 4),
          _finished("one", "other")), _TWO_DAYS, active=6, batches=2, check=_one_batch_a_day),
    Elsewhere("O03", "a backfill races the scheduled run", "both watch one batch; Airflow refuses a second backfill",
              (f"{_RUNS}::test_a_backfill_and_the_scheduled_run_load_one_day",)),
    # A claim does not expire: the next run waits briefly for progress and then takes over with the next number.
    *(Case(f"O04/{point}", "the holder of the claim dies", "the next run takes over, with a higher number; the first one's rest finds it done",
           (dies(point), Go(run(name="backfill"))), ledger=ledger)
      for point, ledger in (("ledger.claimed.after", _TAKEN_OVER), ("ledger.created.after", ALL_OF_IT))),
    *(Case(f"O05/{point}", "the holder of the claim sleeps, and wakes after another run took over",
           "its next write is refused: Conflict, no damage; its retry finds it done",
           (Together((run(f"{point}:1=stop"), run(name="another")), (_EITHER, "green")),)) for point in _PAUSES),
    Case("O05/s3", "the same with a lake in S3", "Conflict, no damage",
         (Together((run("ledger.created.before:1=stop"), run(name="another")), ("again:Conflict", "green")),), lake="s3"),
    *(Case(f"O06/{name}", "the clocks of two workers differ by four hours", "only numbers tell who is first: as O05",
           (Together((run("ledger.claimed.after:1=stop", ahead=ahead), run(name="another", ahead=-ahead)), ("again:Conflict", "green")),))
      for name, ahead in (("the first is ahead", _HOURS), ("the first is behind", -_HOURS))),
    Case("O06/back", "a worker's clock jumps back between two tries", "as if it had not",
         (dies("ledger.created.after", ahead=_HOURS),), run=run(ahead=-_HOURS), ledger=ALL_OF_IT),
    Case("O06/late", "late events, looked for by a worker whose clock is behind", "only they are loaded",
         (Go(run(ahead=_HOURS)), _late(0), Go(run(name="refresh", refresh=True, ahead=-_HOURS)), Go(run(name="another"))), active=5, batches=2,
         ledger=ALL_OF_IT * 2),
    Elsewhere("O07", "the triggerer is killed while it watches", "another one watches on; one event",
              (f"{_RUNS}::test_a_killed_triggerer_is_replaced",)),
    Elsewhere("O08", "two triggerers run one trigger", "both only look; one event is used",
              (f"{_RUNS}::test_two_triggerers_run_one_trigger",)),
    Elsewhere("O09", "the event is wrong, or comes after the task was cleared", "AEP is asked; the event is not trusted",
              (f"{_ONE_RUN}::test_an_event_is_not_trusted",)),
    Elsewhere("O10", "the metadata database is yesterday's", "the ledger knows", (f"{_ONE_RUN}::test_a_restored_metadata_database_loads_nothing_twice",)),
    *(Case(f"O11/{point}", "newer code is deployed in mid run", "outputs of the old code are left where they are, and created again",
           (dies(point), _DEPLOYED), ledger=ALL_OF_IT)
      for point in ("manifest.export.after", "manifest.transform.after", "manifest.stage.after", "ledger.created.after")),
    Case("O11/watching", "newer code is deployed while AEP is at work", "the batch is watched on",
         (dies("batch.complete.after"), _DEPLOYED), ledger=ALL_OF_IT),
    Case("O11/green", "newer code is deployed, and a green date run again", "its rows are active; nothing is loaded",
         (Go(), _DEPLOYED), run=run(name="another"), ledger=ALL_OF_IT, check=_made_anew),
    Elsewhere("O12", "rerun of a green date", "already active; no write at AEP", (f"{_ONE_RUN}::test_a_rerun_of_a_green_date_writes_nothing",)),
    Case("O13", "rerun after late events", "only they are loaded", (Go(), _late(0)), run=run(name="again", refresh=True), active=5, batches=2,
         ledger=ALL_OF_IT * 2),
    Case("O13/killed", "the rerun after late events dies on its way", "only they are loaded, once",
         (Go(), _late(0), dies("ledger.completing.after", name="again", refresh=True)), run=run(name="again", refresh=True), active=5, batches=2,
         ledger=ALL_OF_IT * 2),
    Case("O14", "late events within the window", "the refreshes of the next days load them",
         (Go(), _finished("scheduled"), _late(0), Go(run(name="refresh-1", refresh=True)), _late(1), Go(run(name="refresh-2", day=DAYS[1], refresh=True))),
         _TWO_DAYS, run=run(name="refresh-3", refresh=True), active=10, batches=4, ledger=ALL_OF_IT * 2),
    Elsewhere("O14/beyond", "late events beyond the window", "reported as late_beyond_window; one command loads them",
              (f"{_LATE}::test_changed_days_beyond_the_window_are_reported_if_they_were_exported",
               f"{_LATE}::test_only_late_events_are_added_to_active_ones")),
    Elsewhere("O15", "the partition is in the future, today, or before start_date", "red at once; nobody is asked",
              (f"{_ONE_RUN}::test_an_impossible_day_is_refused",)),
    Elsewhere("O16", "two pipelines for one dataset", "refused at parse, with both names", (f"{_RUNS}::test_two_pipelines_for_one_dataset",)),
    Elsewhere("O17", "one task is cleared alone", "what follows keeps to its inputs, or is repeated; no row twice",
              (f"{_ONE_RUN}::test_only_the_transform_is_cleared",)),
    Elsewhere("O18", "XCom is missing or tampered with", "refused; never trusted", (f"{_ONE_RUN}::test_xcom_is_not_trusted",)),
    Elsewhere("O19", "late, changed and vanished events; clear, retry and replace; all through a real scheduler",
              "reconcile loads what is late, once; a cleared task asks again", ("tests/airflow/test_faults_of_reconcile.py",)),
    Elsewhere("O20", "Airflow cannot say which lake its variable names", "again; nothing is written to the default lake",
              ("tests/airflow/test_faults_of_lookup.py", "tests/airflow/test_faults_of_one_lake.py")),
)  # fmt: skip
