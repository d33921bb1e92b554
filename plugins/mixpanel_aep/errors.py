"""Translates this project's errors to Airflow's exceptions: Airflow retries only errors that may be temporary."""

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
"""The maximum number of characters in a line of an error in a log.

Airflow's log page shows the time, the level and the place in the same line.
"""


class FailNow(AirflowFailException):
    """The exception for a ``Terminal`` error: Airflow does not retry the task. The text is that of the error."""


class TryAgain(AirflowException):
    """The exception for any other ``PipelineError``: Airflow retries the task. The text is that of the error."""


@contextmanager
def translate_errors(
    pass_through: tuple[type[PipelineError], ...] | type[PipelineError] = (),
) -> Iterator[None]:
    """Log a ``PipelineError`` from the block, and raise ``FailNow`` or ``TryAgain`` in its place.

    Any other exception, except Airflow's own, is a defect of this project. Its message may contain a value of a row, as
    those of DuckDB and Arrow do, so only its class and its place are logged.

    Args:
        pass_through: classes of errors that are not translated.
    """
    try:
        yield
    except PipelineError as error:
        if isinstance(error, pass_through):
            raise
        kind = FailNow if isinstance(error, Terminal) else TryAgain
        log.error("%s", wrapped_text(error))
        _leave_out_tracebacks()
        raise kind(str(error)) from None
    except (AirflowException, AirflowRuntimeError):
        raise
    except Exception as error:  # noqa: BLE001 - see above
        sentence = f"A defect of mixpanel-aep: {type(error).__name__}. Please report it with the place below."
        log.error("%s\n%s", sentence, "".join(traceback.format_tb(error.__traceback__)))
        raise AirflowException(sentence) from None


def wrapped_text(error: PipelineError) -> str:
    """Return the class and the sentence of an error, and on a new line its hint, wrapped to ``COLUMNS`` characters."""
    texts = filter(None, (f"{type(error).__name__}: {error.sentence}", error.hint))
    return "\n".join(fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False) for text in texts)


def _leave_out_tracebacks() -> None:
    """Change structlog's configuration so that ``FailNow`` and ``TryAgain`` are logged without a traceback.

    Airflow logs the traceback of every exception that a task raises, and has no setting for it. The traceback of these
    two would contain only lines of Airflow.
    """
    processors = structlog.get_config()["processors"]
    if isinstance(processors, list) and _remove_expected_traceback not in processors:
        processors.insert(0, _remove_expected_traceback)


def _remove_expected_traceback(
    logger: WrappedLogger,  # noqa: ARG001 - structlog's signature
    method: str,  # noqa: ARG001
    event: EventDict,
) -> EventDict:
    if event.get("exc_info") and isinstance(sys.exc_info()[1], FailNow | TryAgain):
        del event["exc_info"]
    return event
