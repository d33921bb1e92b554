"""Runs stored in Airflow's metadata database without a scheduler, each with the XCom of a task."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from airflow.configuration import conf
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session

from mixpanel_aep.problems import PROBLEM_KEY


def add_run(dag_id: str, run_id: str, at: datetime, problem: Any = None, **fields: Any) -> None:
    """Add a run that began and ended at the same time; ``problem``: the XCom that task validate left, if any."""
    with create_session() as session:
        run = DagRun(dag_id=dag_id, run_id=run_id, **{"run_type": "manual", "run_after": at, **fields})
        run.start_date = run.end_date = at
        session.add(run)
        session.flush()
        row = (run.id, "validate", PROBLEM_KEY, dag_id, run_id, json.dumps(problem), str(at))
    if problem is not None:
        _leave_xcom(row)


def remove_runs(run_ids: Sequence[str]) -> None:
    """Remove runs and the XCom of their tasks."""
    with create_session() as session:
        for model in (XComModel, DagRun):
            session.query(model).filter(model.run_id.in_(run_ids)).delete(synchronize_session=False)


def _leave_xcom(row: tuple[Any, ...]) -> None:
    """Written past Airflow because the XCom has no task instance: SQLite would check the foreign key."""
    live = conf.get("database", "sql_alchemy_conn").removeprefix("sqlite:///")
    with closing(sqlite3.connect(live)) as database, database:
        columns = "dag_run_id, task_id, key, dag_id, run_id, value, timestamp"
        database.execute(f"INSERT INTO xcom ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
