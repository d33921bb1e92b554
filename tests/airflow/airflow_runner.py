"""An Airflow without a scheduler: a test starts, resumes, clears and marks the tasks of real DAG runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from airflow.configuration import conf
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel
from airflow.sdk.api.datamodels._generated import TaskInstance as TaskOfSdk
from airflow.sdk.execution_time.supervisor import run_task_in_process
from airflow.triggers.base import TriggerEvent
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select, update

from include.lake.lake import Lake
from tests.faults.checker import EXACT, compared, ledger_faults, leftovers
from tests.faults.environment import FaultEnvironment
from tests.faults.process_run import DAYS, STEPS
from tests.faults.scenario import Scenario
from tests.support.canaries import AEP_SECRET
from tests.support.pipeline_runner import CONNECTIONS, PIPELINES, PipelineRunner

PROJECT = Path(__file__).parents[2]
DAG_FILE = "mixpanel_to_aep.py"
BUNDLE = "dags-folder"


class AirflowStage(FaultEnvironment):
    """Return a stage whose datasets have the schema of the demo's mapping set, which a pipeline file can name."""

    def __post_init__(self) -> None:
        super().__post_init__()
        hostile = PIPELINES["hostile"]
        runner = PipelineRunner(
            self.url, Lake(f"file://{self.folder}/none"), hostile, aep_connection={"password": AEP_SECRET}
        )
        runner.setup()
        self.schema_id = self.aep.catalog.require_dataset(hostile.aep.dataset)["schemaRef"]["id"]


def connections(scenario: Scenario) -> dict[str, str]:
    """Return the environment in which Airflow's processes reach the sandbox of this scenario."""
    changed = {"mixpanel_hostile": scenario.where.connection, "aep_default": scenario.where.aep_connection}
    found = {}
    for conn_id, changes in changed.items():
        fields = scenario.runner._fields(conn_id, dict(changes))
        body = {"conn_type": CONNECTIONS[conn_id]["conn_type"], **fields}
        del body["conn_id"]
        found[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(body)
    return found


@dataclass
class Airflow:
    """One pipeline's DAG as Airflow parsed it, and the scenario that it loads into."""

    scenario: Scenario
    folder: Path
    """Holds the pipeline file."""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.parse()

    def parse(self) -> None:
        """Write the scenario's pipeline file and let Airflow read the DAG file again."""
        pipeline = self.scenario.pipeline.model_copy(update={"lake": self.scenario.where.lake})
        data = pipeline.model_dump(mode="json", by_alias=True, exclude={"name"}, exclude_none=True)
        (self.folder / f"{pipeline.name}.yaml").write_text(yaml.safe_dump(data))
        dags = PROJECT / "dags"
        bag = DagBag(str(dags / DAG_FILE), bundle_path=dags, bundle_name=BUNDLE)
        assert bag.import_errors == {}
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(bag, BUNDLE, None)
        self.dag: Any = bag.dags[pipeline.dag_id]

    def run(self, name: str, day: date = DAYS[0], *, kind: str = "manual", **conf: Any) -> AirflowRun:
        """Create a run of a partition as a person (``manual``) or the scheduler (``scheduled``) does."""
        run_id = f"{kind}__{name}"
        self.serialized().create_dagrun(
            run_id=run_id,
            run_after=datetime.now(UTC),
            run_type=DagRunType(kind),
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            partition_key=str(day),
            conf=conf or None,
        )
        return AirflowRun(self, run_id)

    def runs(self) -> list[AirflowRun]:
        """Return all runs that Airflow knows, oldest first."""
        with create_session() as session:
            query = select(DagRun.run_id).where(DagRun.dag_id == self.dag.dag_id).order_by(DagRun.id)
            return [AirflowRun(self, run_id) for run_id in session.scalars(query)]

    def serialized(self) -> Any:
        """Return the DAG as the scheduler has it."""
        with create_session() as session:
            found = session.scalar(SerializedDagModel.latest_item_select_object(self.dag.dag_id))
            return found.dag

    def exact(self) -> None:
        """Assert that no event is lost, duplicated or a phantom, that the ledger is valid, and that no files are left behind."""
        assert compared(self.scenario) == EXACT
        assert [fault for day in DAYS for fault in ledger_faults(self.scenario.records(day))] == []
        assert leftovers(self.scenario) == set()

    def written(self) -> list[str]:
        """Return the requests to AEP so far that are not reads."""
        entries = self.scenario.stage.get("/transcript")["entries"]
        return [
            f"{entry['method']} {entry['path']}"
            for entry in entries
            if entry["method"] not in ("GET", "HEAD")
            and not entry["path"].startswith(("/ims/", "/_sandbox/"))
        ]

    def exports(self) -> int:
        """Return how many exports of the scenario's project Mixpanel was asked for."""
        entries = self.scenario.stage.get("/transcript")["entries"]
        project = f"project_id={self.scenario.project_id}"
        return sum(entry["path"].endswith("/export") and project in entry["query"] for entry in entries)

    def slow(self) -> None:
        """Let AEP process a batch for an hour; ``an_hour_later`` ends that hour."""
        self.scenario.settings(batch_seconds=3600)

    def an_hour_later(self) -> None:
        self.scenario.stage.post("/clock", {"advance_seconds": 3700})

    def watching(self) -> AirflowRun:
        """Create a run whose last task is deferred because AEP is processing the batch."""
        self.slow()
        run = self.run("scheduled").run_partition("stage")
        state = run.attempt("ingest")
        assert state == "deferred", state
        return run


@dataclass(frozen=True)
class AirflowRun:
    """A DAG run. Its tasks run in this process, through Airflow's own task runner."""

    airflow: Airflow
    run_id: str

    def found(self, step: str) -> TaskInstance:
        with create_session() as session:
            dag_id = self.airflow.dag.dag_id
            of_run = (TaskInstance.dag_id == dag_id, TaskInstance.run_id == self.run_id)
            return session.scalars(select(TaskInstance).where(*of_run, TaskInstance.task_id == step)).one()

    @property
    def day(self) -> str:
        with create_session() as session:
            query = select(DagRun.partition_key).where(
                DagRun.dag_id == self.airflow.dag.dag_id, DagRun.run_id == self.run_id
            )
            return str(session.scalars(query).one())

    def state(self, step: str) -> str:
        return str(self.found(step).state or "none")

    def queue(self, step: str) -> TaskInstance:
        """Run the next try of a task, or resume it if its event has arrived, as the scheduler does."""
        task = self.found(step)
        resumed = task.state == TaskInstanceState.SCHEDULED
        self._set(step, state=TaskInstanceState.QUEUED, try_number=task.try_number + (0 if resumed else 1))
        return self.found(step)

    def attempt(self, step: str) -> str:
        """Run the task as a worker does, and return its state."""
        task = self.queue(step)
        names = ("task_id", "dag_id", "run_id", "try_number", "map_index")
        fields = {name: getattr(task, name) for name in names}
        ids = {"id": UUID(str(task.id)), "dag_version_id": UUID(str(task.dag_version_id))}
        run_task_in_process(ti=TaskOfSdk(**ids, **fields), task=self.airflow.dag.get_task(step))
        return self.state(step)

    def run_partition(self, until: str = "ingest") -> AirflowRun:
        """Run all steps that have not succeeded yet."""
        for step in STEPS[: STEPS.index(until) + 1]:
            if self.state(step) != "success":
                assert self.attempt(step) == "success", step
        return self

    def green(self) -> None:
        """Run to the end; then assert that every event is active once, in one batch."""
        self.run_partition()
        self.airflow.exact()
        assert len(self.airflow.scenario.batches()) == 1

    def event(self, step: str, **payload: Any) -> None:
        """Report a trigger's event as a triggerer does, even if the task has changed in the meantime."""
        self.fire(self.found(step).trigger_id, payload)

    def fire(self, trigger_id: int | None, payload: Mapping[str, Any]) -> None:
        Trigger.submit_event(trigger_id, TriggerEvent(dict(payload)))  # type: ignore[arg-type,no-untyped-call]

    def clear(self, *steps: str) -> None:
        """Clear or mark tasks as a person does in the UI."""
        with create_session() as session:
            clear_task_instances([session.merge(self.found(step)) for step in steps], session)

    def mark_failed(self, step: str) -> None:
        self.airflow.serialized().set_task_instance_state(
            task_id=step, run_id=self.run_id, state=TaskInstanceState.FAILED
        )

    def xcom(self, step: str) -> dict[str, Any]:
        """Return the value that the task's last try returned."""
        with create_session() as session:
            query = select(XComModel).where(*self._xcom(step))
            return dict(XComModel.deserialize_value(session.scalars(query).one()))

    def tamper(self, step: str, value: Any) -> None:
        """Change a task's XCom as a user could."""
        with create_session() as session:
            body = XComModel.serialize_value(value)
            session.execute(update(XComModel).where(*self._xcom(step)).values(value=json.loads(body)))

    def _xcom(self, step: str) -> tuple[Any, ...]:
        dag_id = self.airflow.dag.dag_id
        return (
            XComModel.dag_id == dag_id, XComModel.run_id == self.run_id,
            XComModel.task_id == step, XComModel.key == "return_value",
        )  # fmt: skip

    def _set(self, step: str, **values: Any) -> None:
        with create_session() as session:
            session.execute(
                update(TaskInstance).where(TaskInstance.id == self.found(step).id).values(**values)
            )


def copy_database(target: Path, *, back: bool = False) -> None:
    """Save Airflow's metadata database, or restore the saved copy."""
    live = conf.get("database", "sql_alchemy_conn").removeprefix("sqlite:///")
    source, destination = (str(target), live) if back else (live, str(target))
    with sqlite3.connect(source) as one, sqlite3.connect(destination) as other:
        one.backup(other)
