"""Copied into the demo's Airflow home. Airflow's log servers bind all interfaces and have no setting for that."""

import sys

if {"scheduler", "triggerer"} & set(sys.argv):
    import uvicorn

    _run = uvicorn.run

    def _run_on_loopback(app, *, host="127.0.0.1", **options):  # type: ignore[no-untyped-def]
        _run(app, host=host or "127.0.0.1", **options)

    uvicorn.run = _run_on_loopback
