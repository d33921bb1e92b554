"""Serves the report page of a partition to whoever may see its DAG. It only reads."""

from __future__ import annotations

from datetime import date

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from include.config.loader import load_readable_pipelines
from include.errors import SettingsUnavailable
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from mixpanel_aep.lakes import lake_url

app = FastAPI(title="mixpanel-aep", docs_url=None, redoc_url=None, openapi_url=None)
# Plugin apps are open to everyone unless they ask.
_may_read = Depends(requires_access_dag("GET"))
# The page is of Airflow's own origin, and the lake may be written by others than Airflow's admins: whatever lies there,
# `sandbox` gives it an origin of its own, without scripts and forms.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


@app.get("/report/{dag_id}/{partition}", dependencies=[_may_read])
def report(dag_id: str, partition: date) -> HTMLResponse:
    """The newest report of a partition."""
    pipeline = next((p for p in load_readable_pipelines()[0] if p.dag_id == dag_id), None)
    if pipeline is None:
        raise HTTPException(404, f"There is no pipeline of DAG {dag_id}.")
    try:
        lake = Lake(lake_url(pipeline))
    except SettingsUnavailable as unavailable:
        raise HTTPException(503, str(unavailable)) from None
    pages = list(lake.keys(f"{PartitionKey(pipeline.name, partition).prefix}/report"))
    if not pages:
        raise HTTPException(404, f"Partition {partition} has no report yet.")
    newest = max(pages, key=lake.modified)
    return HTMLResponse(lake.read(newest) or b"", headers=_HEADERS)
