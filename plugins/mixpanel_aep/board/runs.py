"""Airflow's runs of a pipeline's days, and why they failed, from the API server's own database session.

Reading them here costs one query for all pipelines; Airflow's REST API would need a request for each hundred runs.
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
    """A row of ``_COLUMNS``."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_COLUMNS = (
    DagRun.dag_id, DagRun.run_id, DagRun.partition_key, DagRun._state, DagRun.run_type,
    DagRun.queued_at, DagRun.start_date, DagRun.end_date,
)  # fmt: skip
_MOST_RUNS = 60_000
_MOST_LINKS = 20
_KINDS = {"operator_triggered": "one day"}
"""Airflow's names for kinds of runs that would not be understood on the board."""


def read_runs(session: Session, since: Mapping[str, datetime | None]) -> dict[str, list[Run]]:
    """Return the runs that the calendars show, by DAG, oldest first.

    ``since``: the time of each DAG's board index, which contains the results of the runs that succeeded before.
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
    for row in session.execute(query.limit(_MOST_RUNS)):
        _add(found, row, row[2])
    by_conf = select(*_COLUMNS, DagRun.conf).where(or_(*clauses), DagRun.partition_key.is_(None))
    for row in session.execute(by_conf.order_by(DagRun.id).limit(_MOST_RUNS)):
        _add(found, row, _conf_day(row.conf))
    return found


def runs_of_day(session: Session, dag_id: str, day: date) -> list[Run]:
    """Return every run of a day, newest first, with the problem of those that failed."""
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
    """Return the runs, with the problem in XCom for each run that failed."""
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
    """Return the newest link to an AEP batch that an ingest task of the DAG stored in XCom; empty if no link is valid."""
    query = select(XComModel.value).where(XComModel.dag_id == dag_id, XComModel.key == BatchLink.KEY)
    for (value,) in session.execute(query.order_by(XComModel.timestamp.desc()).limit(_MOST_LINKS)):
        text = value.strip('"') if isinstance(value, str) else ""
        if BatchLink.is_link(text):
            return text
    return ""


def _conf_day(conf: object) -> object:
    return conf.get("partition_date") if isinstance(conf, dict) else None


def _add(found: dict[str, list[Run]], row: _RunRow, day: object) -> None:
    if isinstance(day, str) and _DAY.fullmatch(day):
        try:
            parsed = date.fromisoformat(day)
        except ValueError:
            return
        kind = _KINDS.get(str(row[4]), str(row[4]))
        found[row[0]].append(Run(row[0], row[1], parsed, str(row[3]), kind, row[5], row[6], row[7]))


def _problem(task_id: str, value: object) -> Problem | None:
    """Return the problem that a task stored in XCom. Users can edit XCom, so only two short texts are read."""
    if not isinstance(value, dict) or not isinstance(value.get("sentence"), str):
        return None
    hint = value.get("hint")
    return Problem(task_id, value["sentence"][:2000], hint[:2000] if isinstance(hint, str) else "")
