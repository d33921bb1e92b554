"""The standard output of processes that the command line starts, and that print one JSON object."""

from __future__ import annotations

import os
from typing import TextIO


def open_json_output() -> TextIO:
    """Return a stream for the JSON object, and redirect all other output of the process to standard error.

    Also set the environment so that Airflow lets this process read connections and variables from the metadata
    database, which a task may not. Call this function before Airflow is imported.
    """
    stdout = os.dup(1)
    os.dup2(2, 1)
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    return os.fdopen(stdout, "w")
