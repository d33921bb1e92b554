"""``python -m tests.distributed.instant_worker celery worker ...``: a Celery worker whose tasks only report their states.

A task takes its message from Redis, reports to the API server that it runs, waits for ``TESTS_TASK_SECONDS`` and reports
success. Nothing else is different for the scheduler, but no process is started: on a machine with a few cores the start of
tasks, about two seconds of a core each, would be all that is measured.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

SECONDS = "TESTS_TASK_SECONDS"


def end_at_once(*, ti: Any, token: str, server: str, **_: Any) -> int:
    """Report that a task runs and then that it succeeded, in place of ``supervise_task``; return its exit code."""
    from airflow.sdk.api.client import Client

    with Client(base_url=server, token=token) as client:
        client.task_instances.start(ti.id, os.getpid(), datetime.now(UTC))
        time.sleep(float(os.environ[SECONDS]))
        client.task_instances.succeed(
            ti.id, when=datetime.now(UTC), task_outlets=[], outlet_events=[], rendered_map_index=None
        )
    return 0


def main() -> None:
    """Run Airflow's command line in this process."""
    from airflow.__main__ import main as airflow
    from airflow.sdk.execution_time import supervisor

    supervisor.supervise_task = end_at_once  # type: ignore[assignment]
    airflow()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.argv[0] = "airflow"
    main()
