"""Translates errors to Airflow's: what a retry cannot repair is not retried, and the log begins with the sentence."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRuntimeError

from include.errors import PipelineError, Terminal

log = logging.getLogger(__name__)


@contextmanager
def translate_errors(leave: tuple[type[PipelineError], ...] | type[PipelineError] = ()) -> Iterator[None]:
    """Turn a ``PipelineError`` into Airflow's exception for "fail now" or "try again"; ``leave`` passes through.

    Any other exception is a defect of this project. Its message may quote a row (DuckDB's and Arrow's do), so only its
    class and its place are reported.
    """
    try:
        yield
    except PipelineError as error:
        if isinstance(error, leave):
            raise
        kind = AirflowFailException if isinstance(error, Terminal) else AirflowException
        log.error("%s", error)
        raise kind(str(error)) from None
    except (AirflowException, AirflowRuntimeError):
        raise
    except Exception as error:  # noqa: BLE001 - see above
        sentence = f"A defect of mixpanel-aep: {type(error).__name__}. Please report it with the place below."
        log.error("%s\n%s", sentence, "".join(traceback.format_tb(error.__traceback__)))
        raise AirflowException(sentence) from None
