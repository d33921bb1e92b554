"""Translates errors to Airflow's exceptions: terminal errors are not retried, and the log begins with the error's sentence."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import TYPE_CHECKING

import structlog
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRuntimeError

from include.errors import PipelineError, Terminal

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

log = logging.getLogger(__name__)
COLUMNS = 100
"""The longest line of an error in a log: Airflow's page puts time, level and place around it."""


class FailNow(AirflowFailException):
    """A retry cannot help before a person has acted. The text says what happened and what to do."""


class TryAgain(AirflowException):
    """A retry may succeed. The text says what happened."""


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
        kind = FailNow if isinstance(error, Terminal) else TryAgain
        log.error("%s", lines_of(error))
        _leave_out_tracebacks()
        raise kind(str(error)) from None
    except (AirflowException, AirflowRuntimeError):
        raise
    except Exception as error:  # noqa: BLE001 - see above
        sentence = f"A defect of mixpanel-aep: {type(error).__name__}. Please report it with the place below."
        log.error("%s\n%s", sentence, "".join(traceback.format_tb(error.__traceback__)))
        raise AirflowException(sentence) from None


def lines_of(error: PipelineError) -> str:
    """Return the sentence and the hint of an error, each on a new line, in lines of limited width."""
    texts = filter(None, (f"{type(error).__name__}: {error.sentence}", error.hint))
    return "\n".join(fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False) for text in texts)


def _leave_out_tracebacks() -> None:
    """Let Airflow log an expected failure without a traceback, which would contain only Airflow's own lines.

    Airflow logs the traceback of every exception that a task raises, and has no setting for it.
    """
    processors = structlog.get_config()["processors"]
    if isinstance(processors, list) and _without_foreseen_traceback not in processors:
        processors.insert(0, _without_foreseen_traceback)


def _without_foreseen_traceback(
    logger: WrappedLogger,  # noqa: ARG001 - structlog's signature
    method: str,  # noqa: ARG001
    event: EventDict,
) -> EventDict:
    if event.get("exc_info") and isinstance(sys.exc_info()[1], FailNow | TryAgain):
        del event["exc_info"]
    return event
