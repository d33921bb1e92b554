"""The web routes of the board. Each route requires a permission of Airflow; no route writes anything."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    requires_access_connection,
    requires_access_dag,
)
from airflow.models.dagrun import DagRun
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import select

from include.board.calendar import funnel
from include.board.days import last_day
from include.board.quarantine import first_rows
from include.board.trends import trends
from include.clock import SYSTEM_CLOCK
from include.config.model import LAST_DAY, Pipeline
from include.errors import ConfigError, PipelineError
from include.lake.history import Target
from include.steps.quarantine import quarantine_files
from mixpanel_aep.board.pages import render, sentence_page, static
from mixpanel_aep.board.readers import pipeline_of, read_pipelines, reader_of
from mixpanel_aep.board.runs import batch_link
from mixpanel_aep.board.views import DayView, PipelineView, day_view, failed_days, pipeline_views, summary
from mixpanel_aep.context import parse_day, partition_of

router = APIRouter(prefix="/board")
_may_read_dags = [Depends(requires_access_dag("GET"))]
_may_read = [Depends(requires_access_dag("GET")), Depends(requires_access_dag("GET", DagAccessEntity.RUN))]
_may_see_rows = [*_may_read, Depends(requires_access_dag("PUT"))]
# Values may be personal data: only users who may see connections see them.
_may_see_values = [*_may_see_rows, Depends(requires_access_connection("GET"))]
_ROWS = 20
_A_DAY = timedelta(days=1)
_SANDBOX_BATCHES = "/_sandbox/aep/batches"
_MAX_RUN_ID_LENGTH = 250
RunId = Annotated[str, Query(max_length=_MAX_RUN_ID_LENGTH)]


@router.get("/static/{name}", dependencies=_may_read_dags)
def get_static_file(name: str) -> Response:
    """Return the board's style sheet or one of its scripts."""
    found = static(name)
    if found is None:
        raise HTTPException(404, "The board does not have this file.")
    return found


@router.get("", dependencies=_may_read_dags)
def show_overview(request: Request, session: SessionDep, user: GetUserDep) -> HTMLResponse:
    """Show all pipelines whose DAG the user may read; those that need attention come first."""
    views = _readable_views(session, user)
    views.sort(key=lambda view: (not view.needs_attention, -view.missing, view.pipeline.name))
    return render(request, "overview.html.j2", views=views, summary=summary(views))


@router.get("/failed", dependencies=_may_read_dags)
def get_failed_days(session: SessionDep, user: GetUserDep) -> dict[str, str]:
    """Return a sentence about failed days, for Airflow's home page; it is empty if no day has failed."""
    return {"sentence": failed_days(_readable_views(session, user))}


@router.get("/dag/{dag_id}", dependencies=_may_read)
def show_pipeline(
    dag_id: str,
    request: Request,
    session: SessionDep,
    user: GetUserDep,
    span: Literal["90", "365", "all"] = "90",
) -> Response:
    """Show the calendar and the trends of a pipeline. The ids of its other DAGs redirect to this page.

    ``span``: the number of days in the trends.
    """
    pipeline = pipeline_of(dag_id)
    if pipeline is None:
        return _not_found_page(request, dag_id)
    if pipeline.dag_id != dag_id:  # the redirected request checks the permission for that DAG
        return _redirect_to(request, f"dag/{pipeline.dag_id}")
    (view,) = pipeline_views(session, [pipeline])
    most = len(view.days) if span == "all" else int(span)
    return render(
        request, "pipeline.html.j2", view=view, span=span, may_run=_may_run(user, pipeline),
        trends=trends(pipeline, view.facts, view.days[:most]), gap=next(iter(view.gaps), None),
    )  # fmt: skip


@router.get("/day/{dag_id}/{day}", dependencies=_may_read)
def show_day(
    dag_id: str, day: date, request: Request, session: SessionDep, user: GetUserDep, first: date | None = None
) -> Response:
    """Show a day: what became of its events, its runs, and what to do next.

    ``first``: the first day of a span of days with the same state that ends with this day. The form for several days
    begins with it.
    """
    view = _day_view(request, session, dag_id, day)
    if isinstance(view, Response):
        return view
    pipeline = view.pipeline
    return render(
        request, "day.html.j2", view=view, first=first or day, parts=funnel(view.day), may_run=_may_run(user, pipeline),
        may_see_rows=_may_edit(user, pipeline), batch_url=batch_url(batch_link(session, pipeline.dag_id), view.facts.target),
        before=day - _A_DAY if day > pipeline.start_date else None,
        after=day + _A_DAY if day < last_day(pipeline, SYSTEM_CLOCK.now()) else None,
    )  # fmt: skip


@router.get("/report/{dag_id}/{day}", dependencies=_may_read)
def show_report(dag_id: str, day: date, request: Request, session: SessionDep, user: GetUserDep) -> Response:
    """Show the state of a day in AEP, and below it the day's quality report."""
    view = _day_view(request, session, dag_id, day)
    if isinstance(view, Response):
        return view
    return render(
        request,
        "report.html.j2",
        view=view,
        may_see_rows=_may_edit(user, view.pipeline),
        batch_url=batch_url(batch_link(session, view.pipeline.dag_id), view.facts.target),
    )


@router.get("/run/{dag_id}", dependencies=_may_read)
def redirect_run_to_day(dag_id: str, run_id: RunId, request: Request, session: SessionDep) -> Response:
    """Redirect from an Airflow run to the page of its day, for the tab *Board* of the run.

    A run that does not process one day, such as one of the reconcile or verify DAG, leads to the page of its pipeline.
    """
    pipeline = pipeline_of(dag_id)
    if pipeline is None:
        return _not_found_page(request, dag_id)
    run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    if run is None:
        return sentence_page(request, "This run of the DAG was not found.", 404)
    try:
        if dag_id == pipeline.day_dag_id:
            return _redirect_to(request, f"day/{pipeline.dag_id}/{parse_day((run.conf or {}).get('day'))}")
        return _redirect_to(request, f"day/{pipeline.dag_id}/{partition_of({'dag_run': run})}")
    except ConfigError:  # a run of the reconcile or verify DAG, or one without a day
        return _redirect_to(request, f"dag/{pipeline.dag_id}")


@router.get("/rows/{dag_id}/{day}", dependencies=_may_see_rows)
def show_rows(dag_id: str, day: date, request: Request) -> HTMLResponse:
    """Show the first quarantined events of a day, without their values."""
    return _rows(request, dag_id, day, show_values=False)


@router.get("/values/{dag_id}/{day}", dependencies=_may_see_values)
def show_values_of_rows(dag_id: str, day: date, request: Request) -> HTMLResponse:
    """Show the first quarantined events of a day, with their values."""
    return _rows(request, dag_id, day, show_values=True)


def _readable_views(session: SessionDep, user: GetUserDep) -> list[PipelineView]:
    """Return the views of all pipelines whose DAG the user may read."""
    readable = get_auth_manager().get_authorized_dag_ids(user=user, method="GET", session=session)
    shown = [each for dag_id, each in read_pipelines().by_dag.items() if dag_id in readable]
    return pipeline_views(session, shown)


def _rows(request: Request, dag_id: str, day: date, *, show_values: bool) -> HTMLResponse:
    """Return the page that lists the first quarantined events of a day, or a page that says why it cannot be shown."""
    pipeline = read_pipelines().by_dag.get(dag_id)
    if pipeline is None or not _has_day(pipeline, day):
        return _not_found_page(request, dag_id, day)
    try:
        reader = reader_of(pipeline)
        facts = reader.fresh_day(day)
        keys = facts.quarantine if facts else ()
        if facts is None:  # a day that validation refused as a whole has no ledger
            keys = tuple(each.key for each in quarantine_files(reader.lake, pipeline.name, day))
        found = first_rows(reader.lake, keys, _ROWS, show_values=show_values)
    except PipelineError as error:
        return sentence_page(request, str(error), 503)
    return render(
        request, "rows.html.j2", pipeline=pipeline, day=day, rows=found, show_values=show_values, most=_ROWS,
        total=facts.counts.not_sent if facts else 0,
    )  # fmt: skip


def _day_view(request: Request, session: SessionDep, dag_id: str, day: date) -> DayView | HTMLResponse:
    """Return the view of a day, or a page that says why the day cannot be shown."""
    pipeline = read_pipelines().by_dag.get(dag_id)
    if pipeline is None or not _has_day(pipeline, day):
        return _not_found_page(request, dag_id, day)
    try:
        return day_view(session, pipeline, day)
    except PipelineError as error:
        return sentence_page(request, str(error), 503)


def _redirect_to(request: Request, path: str) -> RedirectResponse:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/board/{path}", status_code=303)


def _has_day(pipeline: Pipeline, day: date) -> bool:
    """Return whether the pipeline loads the day."""
    return pipeline.start_date <= day <= (pipeline.end_date or LAST_DAY)


def _not_found_page(request: Request, dag_id: str, day: date | None = None) -> HTMLResponse:
    pipeline = read_pipelines().by_dag.get(dag_id)
    if pipeline is not None and day is not None:
        return sentence_page(request, f"Pipeline {pipeline.name} does not have the day {day}.", 404)
    return sentence_page(
        request, f"DAG {dag_id} is not one of mixpanel-aep's pipelines; the board shows only those.", 404
    )


def _may_run(user: GetUserDep, pipeline: Pipeline) -> bool:
    """Return whether the user may start runs of the pipeline's DAG, which the forms do. Airflow checks this again."""
    return get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=pipeline.dag_id), user=user
    )


def _may_edit(user: GetUserDep, pipeline: Pipeline) -> bool:
    """Return whether the user may edit the pipeline's DAG, which is required to see quarantined events."""
    return get_auth_manager().is_authorized_dag(
        method="PUT", details=DagDetails(id=pipeline.dag_id), user=user
    )


def batch_url(link: str, target: Target | None) -> tuple[str, str]:
    """Return the two parts of the address of a batch's page: before and after the batch's id.

    Args:
        link: the address of the page of another batch; it shows whether the pages are in AEP or in the local sandbox.
        target: the dataset; None if nothing was loaded yet. Then both parts are empty, unless ``link`` is local.
    """
    place, is_local, _ = link.partition(_SANDBOX_BATCHES)
    if is_local:
        return f"{place}{_SANDBOX_BATCHES}/", "/page"
    if target is None:
        return "", ""
    return f"https://experience.adobe.com/#/sname:{quote(target.aep_sandbox, safe='')}/platform/batch/", ""
