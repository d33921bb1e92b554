"""Parsing of dates whose format is not given (EP:data-prep/data-handling.md#date-function-conversions)."""

from __future__ import annotations

import re

from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.parse import parse_date
from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, kind_of_value
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

DOCUMENTED = (
    "yyyy-MM-dd HH:mm:ssZ",
    "yyyy-MM-dd HH:mm:ss.SSSZ",
    "yyyy-MM-dd HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "yyyy-MM-dd'T'HH:mm:ss'Z'",
    "yyyy-MM-dd",
    "yyyy/MM/dd",
    "yyyy.MM.dd",
    "yyyy-MMM-dd",
    "yyyyMMdd",
    "MM-dd-yyyy",
    "MMddyyyy",
    "M/dd/yyyy",
    "dd.M.yyyy",
    "M/dd/yyyy hh:mm:ss a",
    "dd.M.yyyy hh:mm:ss a",
    "dd.MMM.yyyy",
    "dd-MMM-yyyy",
)
"""Adobe's list of known formats. They are tried in this order, and the first match is used."""

_ALSO = (
    "yyyy-MM-dd HH:mm",
    "yyyy-MM-dd HH:mm:ss",
    "yyyy-MM-dd'T'HH:mm:ss",
    "yyyy-MM-dd'T'HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ss z",
)
"""Formats outside of Adobe's list, but in its examples of ``date``, ``date_part`` and similar functions [I]."""

_RFC_3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2}))(?:\[[A-Za-z0-9_/+-]+\])?"
)
"""The formats that a date-time field of XDM accepts [I]: one to nine digits of a fraction, and an offset with a colon.
The documented list has only three digits and the letter X. A zone in brackets may follow, as in older examples of
``zone_date_to_utc``; it is ignored, because the offset determines the instant."""


def guess_date(text: str) -> ZonedDateTime:
    """Parse a text as a date. Raises EvaluationError if no known format matches."""
    return _guess(text)[0]


def guess_without_fraction(text: str) -> ZonedDateTime:
    """Parse a text as a date, and drop the fraction of a second if the text has no offset.

    Adobe: "The date function removes milliseconds" (EP:data-prep/data-handling.md#format). Raises EvaluationError if no
    known format matches.
    """
    moment, pattern = _guess(text.strip())
    return moment if pattern[-1] in "ZXz" or pattern.endswith("'Z'") else ZonedDateTime(moment.at)


def _guess(text: str) -> tuple[ZonedDateTime, str]:
    """Return the date of a text, and the first known pattern that matches the text.

    Raises:
        EvaluationError: no known pattern matches.
    """
    found = _RFC_3339.fullmatch(text)
    digits = "S" * (len(found[2] or ".") - 1) if found else ""
    own = [f"yyyy-MM-dd'T'HH:mm:ss{'.' if digits else ''}{digits}XXX"] if found else []
    text = found[1] if found else text
    for pattern in (*DOCUMENTED, *own, *_ALSO):
        try:
            return parse_date(text, pattern), pattern
        except EvaluationError:
            continue
    raise EvaluationError("The text is not a date in any of the known formats; specify its format.")


def date_from(value: Value) -> ZonedDateTime:
    """Convert a date, a text in a known format, or epoch milliseconds (XDM's conversion of Long) to a date.

    Raises EvaluationError for any other value.
    """
    if isinstance(value, ZonedDateTime):
        return value
    if isinstance(value, str):
        return guess_date(value.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        return ZonedDateTime.of_milliseconds(value)
    raise EvaluationError(f"A value of type {kind_of_value(value)} is not a date.")
