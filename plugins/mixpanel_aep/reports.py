"""Serves the report page of a partition to users who may see its DAG. It only reads."""

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
LARGEST_BYTES = 16 * 1024 * 1024
"""A report of some 5,000 expectations has 2 MB; a larger file is not a report of this project."""
_LONGEST_RUN_ID = 250
"""Airflow's own limit."""
# The page has Airflow's own origin, and others than Airflow's admins may write to the lake. `sandbox` gives any content
# a separate origin, without scripts and forms.
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
    """Return an error as a page to a browser, which shows it in place of a report, and as JSON to other clients."""
    if "text/html" not in request.headers.get("Accept", ""):
        return await http_exception_handler(request, error)
    page = _SENTENCE.format(escape(str(error.detail)))
    return HTMLResponse(page, error.status_code, {**(error.headers or {}), **_HEADERS})


@app.get("/report/{dag_id}/{partition}", dependencies=[_may_read])
def report(dag_id: str, partition: date) -> StreamingResponse:
    """Return the newest report of a partition."""
    pipeline = _pipeline(dag_id)
    with _errors_as_responses():
        return _newest(Lake(lake_url(pipeline)), PartitionKey(pipeline.name, partition))


@app.get("/report/{dag_id}", dependencies=[_may_read])
def report_of_run(
    dag_id: str,
    run_id: Annotated[str, Query(max_length=_LONGEST_RUN_ID)],
    request: Request,
    session: SessionDep,
) -> RedirectResponse:
    """Return the board's page with the report of a run's partition; a task's link names only the task's run."""
    pipeline = _pipeline(dag_id)
    run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    if run is None:
        raise HTTPException(404, "This run of the DAG was not found.")
    try:
        partition = partition_of({"dag_run": run})
    except ConfigError as error:
        raise HTTPException(404, str(error)) from None
    mount = request.scope.get("root_path", "")
    return RedirectResponse(f"{mount}/board/report/{pipeline.dag_id}/{partition}", status_code=303)


def _pipeline(dag_id: str) -> Pipeline:
    pipeline = next((p for p in load_readable_pipelines()[0] if p.dag_id == dag_id), None)
    if pipeline is None:
        raise HTTPException(404, f"No pipeline has the DAG {dag_id}.")
    return pipeline


@contextmanager
def _errors_as_responses() -> Iterator[None]:
    """Return an error of the lake or its setting as a sentence: a viewer cannot correct it, but can report it."""
    try:
        yield
    except PipelineError as error:
        raise HTTPException(503, str(error)) from None


def _newest(lake: Lake, partition: PartitionKey) -> StreamingResponse:
    found = lake.objects(f"{partition.prefix}/report")
    pages = [page for page in found if (key := parse_key(page.key)) and key.kind is KeyKind.REPORT]
    if not pages:
        raise HTTPException(404, f"Partition {partition} has no report yet.")
    newest = max(pages, key=lambda page: page.modified)
    with ExitStack() as stack:
        page = stack.enter_context(lake.opened(newest.key))
        if page is None:
            raise HTTPException(404, f"Partition {partition} has no report any more.")
        if page.size > LARGEST_BYTES:
            raise HTTPException(
                413, f"{newest.key} has {page.size} bytes, more than a report can have; it is not shown."
            )
        headers = {**_HEADERS, "Content-Length": str(page.size)}
        keep = stack.pop_all()
        return StreamingResponse(
            _body(page), media_type="text/html", headers=headers, background=BackgroundTask(keep.close)
        )


def _body(page: OpenedObject) -> Iterator[bytes]:
    """Yield the page, and no more bytes than it had when it was opened."""
    left = page.size
    for chunk in page.chunks:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return
