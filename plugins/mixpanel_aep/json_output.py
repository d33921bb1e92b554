"""The output of a process that answers the command line with one JSON object."""

from __future__ import annotations

import os
from typing import TextIO


def open_json_output() -> TextIO:
    """Return standard output for the answer, and redirect all other output of the process to standard error.

    Afterwards Airflow treats the process as one that may read connections and variables from the metadata database,
    which a task may not. Call it before Airflow is imported.
    """
    answer = os.dup(1)
    os.dup2(2, 1)
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    return os.fdopen(answer, "w")
