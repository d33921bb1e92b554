"""The web routes that serve the quality report of a partition to users who may read its DAG. They write nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Annotated

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.dagrun import DagRun
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from markupsafe import escape
from sqlalchemy import select
from starlette.background import BackgroundTask

from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline
from include.errors import ConfigError, PipelineError
from include.lake.keys import KeyKind, PartitionKey, parse_key
from include.lake.lake import Lake
from include.lake.stores.object_store import OpenedObject
from mixpanel_aep.context import partition_of
from mixpanel_aep.lakes import lake_url

app = FastAPI(title="mixpanel-aep", docs_url=None, redoc_url=None, openapi_url=None)
# Plugin apps are open to everyone unless they require a permission.
_may_read = Depends(requires_access_dag("GET"))
MAX_REPORT_BYTES = 16 * 1024 * 1024
"""The largest report that is served: a report with 5,000 expectations has 2 MB."""
_MAX_RUN_ID_LENGTH = 250
"""Airflow's limit."""
# The page has the same origin as Airflow, and people who are not Airflow admins may write to the lake. `sandbox` gives
# the page a separate origin, without scripts and forms.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
_SENTENCE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>This page cannot be shown</title>
<style>:root {{ color-scheme: light dark; }} body {{ font: 16px/1.45 system-ui, sans-serif; padding: 1rem; }}</style>
</head><body><p>{}</p></body></html>
"""


@app.exception_handler(HTTPException)
async def _as_page(request: Request, error: HTTPException) -> Response:
    """Return an error as an HTML page to browsers, and as JSON to other clients."""
    if "text/html" not in request.headers.get("Accept", ""):
        return await http_exception_handler(request, error)
    page = _SENTENCE.format(escape(str(error.detail)))
    return HTMLResponse(page, error.status_code, {**(error.headers or {}), **_HEADERS})


@app.get("/report/{dag_id}/{partition}", dependencies=[_may_read])
def report(dag_id: str, partition: date) -> StreamingResponse:
    """Return the newest quality report of a partition as HTML."""
    pipeline = _pipeline_of_dag(dag_id)
    with _errors_as_responses():
        return _newest_report(Lake(lake_url(pipeline)), PartitionKey(pipeline.name, partition))


@app.get("/report/{dag_id}", dependencies=[_may_read])
def report_of_run(
    dag_id: str,
    run_id: Annotated[str, Query(max_length=_MAX_RUN_ID_LENGTH)],
    request: Request,
    session: SessionDep,
) -> RedirectResponse:
    """Redirect to the board's page with the report of the day that a run processed. The link of a task leads here."""
    pipeline = _pipeline_of_dag(dag_id)
    run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    if run is None:
        raise HTTPException(404, "This run of the DAG was not found.")
    try:
        partition = partition_of({"dag_run": run})
    except ConfigError as error:
        raise HTTPException(404, str(error)) from None
    mount = request.scope.get("root_path", "")
    return RedirectResponse(f"{mount}/board/report/{pipeline.dag_id}/{partition}", status_code=303)


def _pipeline_of_dag(dag_id: str) -> Pipeline:
    pipeline = next((p for p in load_readable_pipelines()[0] if p.dag_id == dag_id), None)
    if pipeline is None:
        raise HTTPException(404, f"No pipeline has the DAG {dag_id}.")
    return pipeline


@contextmanager
def _errors_as_responses() -> Iterator[None]:
    """Convert a ``PipelineError`` from the block to an HTTP response with status 503 and the error's text."""
    try:
        yield
    except PipelineError as error:
        raise HTTPException(503, str(error)) from None


def _newest_report(lake: Lake, partition: PartitionKey) -> StreamingResponse:
    """Return the HTTP response whose body is the report of the partition that was written last.

    Raises:
        HTTPException: 404: the partition has no report; 413: the file is too large to be a report.
    """
    found = lake.objects(f"{partition.prefix}/report")
    pages = [page for page in found if (key := parse_key(page.key)) and key.kind is KeyKind.REPORT]
    if not pages:
        raise HTTPException(404, f"Partition {partition} has no report yet.")
    newest = max(pages, key=lambda page: page.modified)
    with ExitStack() as stack:
        page = stack.enter_context(lake.opened(newest.key))
        if page is None:
            raise HTTPException(404, f"The report of partition {partition} was removed.")
        if page.size > MAX_REPORT_BYTES:
            raise HTTPException(
                413, f"{newest.key} has {page.size} bytes, which is too large for a report; it is not shown."
            )
        headers = {**_HEADERS, "Content-Length": str(page.size)}
        keep = stack.pop_all()
        return StreamingResponse(
            _body(page), media_type="text/html", headers=headers, background=BackgroundTask(keep.close)
        )


def _body(page: OpenedObject) -> Iterator[bytes]:
    """Yield the content of a report, and stop after the number of bytes in the header Content-Length.

    The file may have grown since it was opened and its size was sent.
    """
    left = page.size
    for chunk in page.chunks:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return
