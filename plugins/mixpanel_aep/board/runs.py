"""Reads Airflow's runs of a pipeline's days, and why they failed, from Airflow's metadata database.

The API server's session needs one query for all pipelines; Airflow's REST API would need a request for each 100 runs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, TypeAlias

from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from sqlalchemy import and_, or_, select

from include.board.days import Problem, Run
from mixpanel_aep.links import BatchLink
from mixpanel_aep.problems import PROBLEM_KEY

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    _RunRow: TypeAlias = Row[
        str, str, str | None, str | None, str, datetime | None, datetime | None, datetime | None
    ]
    """The type of a row with ``_COLUMNS``."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_COLUMNS = (
    DagRun.dag_id, DagRun.run_id, DagRun.partition_key, DagRun._state, DagRun.run_type,
    DagRun.queued_at, DagRun.start_date, DagRun.end_date,
)  # fmt: skip
_MAX_RUNS = 60_000
_MAX_LINKS = 20
_KINDS = {"operator_triggered": "one day"}
"""The board's names for types of runs whose name in Airflow would not be understood."""


def read_runs(session: Session, since: Mapping[str, datetime | None]) -> dict[str, list[Run]]:
    """Return the runs that the calendars need, by the id of the DAG, in the order in which they were created.

    Args:
        session: the session of Airflow's metadata database.
        since: for each DAG, the time up to which its board index contains all results, or None. Runs that succeeded
            before that time are left out.
    """
    clauses = [
        DagRun.dag_id == dag_id
        if moment is None
        else and_(DagRun.dag_id == dag_id, or_(DagRun._state != "success", DagRun.end_date >= moment))
        for dag_id, moment in since.items()
    ]
    if not clauses:
        return {}
    found: defaultdict[str, list[Run]] = defaultdict(list)
    query = select(*_COLUMNS).where(or_(*clauses), DagRun.partition_key.is_not(None)).order_by(DagRun.id)
    for row in session.execute(query.limit(_MAX_RUNS)):
        _add(found, row, row[2])
    by_conf = select(*_COLUMNS, DagRun.conf).where(or_(*clauses), DagRun.partition_key.is_(None))
    for row in session.execute(by_conf.order_by(DagRun.id).limit(_MAX_RUNS)):
        _add(found, row, _conf_day(row.conf))
    return found


def runs_of_day(session: Session, dag_id: str, day: date) -> list[Run]:
    """Return up to 100 of the newest runs of a day, newest first; failed runs have the reason for the failure."""
    query = select(*_COLUMNS).where(DagRun.dag_id == dag_id, DagRun.partition_key == str(day))
    found: defaultdict[str, list[Run]] = defaultdict(list)
    for row in session.execute(query.order_by(DagRun.id.desc()).limit(100)):
        _add(found, row, row[2])
    by_conf = select(*_COLUMNS, DagRun.conf).where(DagRun.dag_id == dag_id, DagRun.partition_key.is_(None))
    for row in session.execute(by_conf.order_by(DagRun.id.desc()).limit(1000)):
        if _conf_day(row.conf) == str(day):
            _add(found, row, str(day))
    return with_problems(session, found[dag_id])


def with_problems(session: Session, runs: Iterable[Run]) -> list[Run]:
    """Return copies of the runs in which each failed run has the problem that its task stored in XCom, if any."""
    runs = list(runs)
    failed = [run.run_id for run in runs if run.state == "failed"]
    dag_ids = {run.dag_id for run in runs}
    if not failed:
        return runs
    query = select(XComModel.dag_id, XComModel.run_id, XComModel.task_id, XComModel.value).where(
        XComModel.dag_id.in_(dag_ids), XComModel.run_id.in_(failed), XComModel.key == PROBLEM_KEY
    )
    problems = {(row[0], row[1]): _problem(row[2], row[3]) for row in session.execute(query)}
    return [replace(run, problem=problems.get((run.dag_id, run.run_id))) for run in runs]


def batch_link(session: Session, dag_id: str) -> str:
    """Return the newest valid link to an AEP batch that a task of the DAG stored in XCom; empty without such a link."""
    query = select(XComModel.value).where(XComModel.dag_id == dag_id, XComModel.key == BatchLink.KEY)
    for (value,) in session.execute(query.order_by(XComModel.timestamp.desc()).limit(_MAX_LINKS)):
        text = value.strip('"') if isinstance(value, str) else ""
        if BatchLink.is_link(text):
            return text
    return ""


def _conf_day(conf: object) -> object:
    """Return ``partition_date`` of a run's conf, which can be any JSON value."""
    return conf.get("partition_date") if isinstance(conf, dict) else None


def _add(found: dict[str, list[Run]], row: _RunRow, day: object) -> None:
    """Convert a row of the query to a ``Run`` and add it to ``found``, unless ``day`` is not a valid day.

    Args:
        found: the runs by the id of their DAG.
        row: the columns ``_COLUMNS`` of the run.
        day: the day that the run processes, as ``YYYY-MM-DD``. It may be any value, because users can edit a run's
            conf.
    """
    if isinstance(day, str) and _DAY.fullmatch(day):
        try:
            parsed = date.fromisoformat(day)
        except ValueError:
            return
        kind = _KINDS.get(str(row[4]), str(row[4]))
        found[row[0]].append(Run(row[0], row[1], parsed, str(row[3]), kind, row[5], row[6], row[7]))


def _problem(task_id: str, value: object) -> Problem | None:
    """Return the problem that a task stored in XCom, or None if the value is not a problem.

    Users can edit XCom, so only two texts of limited length are read.
    """
    if not isinstance(value, dict) or not isinstance(value.get("sentence"), str):
        return None
    hint = value.get("hint")
    return Problem(task_id, value["sentence"][:2000], hint[:2000] if isinstance(hint, str) else "")
