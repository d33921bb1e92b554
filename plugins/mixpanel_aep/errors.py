"""From our errors to Airflow's: what a retry cannot mend is not retried, and the log begins with the sentence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from include.errors import PipelineError, Terminal

log = logging.getLogger(__name__)


@contextmanager
def explained(leave: tuple[type[PipelineError], ...] | type[PipelineError] = ()) -> Iterator[None]:
    """Turns a ``PipelineError`` into Airflow's exception for "fail now" or "try again"; ``leave`` passes through."""
    try:
        yield
    except PipelineError as error:
        if isinstance(error, leave):
            raise
        kind = AirflowFailException if isinstance(error, Terminal) else AirflowException
        log.error("%s", error)
        raise kind(str(error)) from None
