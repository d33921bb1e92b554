"""Render the quality report of a partition as one HTML page without external resources.

The page shows values of rows only if the pipeline file sets ``quality.show_values``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from include.plural import counted

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_WORD_ENDS = re.compile(r"(?<=[\w\]][._/:])(?=[^\W\d])|(?<=\w\w-)(?=[^\W\d]{2})|(?<=[a-z])(?=[A-Z])")
LIMITS = {
    "not_events": "Exported lines that are not events, in quarantine",
    "suppressed": "Events of forgotten people that Mixpanel returned, left out",
    "twins": "Events without $insert_id that equal another event in everything that Mixpanel does not rewrite, counted as one event",
    "merged_without_before": "Events that were merged into another user and whose previous id is unknown (if they were "
    "loaded before the merge, they are loaded a second time under their new id)",
    "compacted_by_day": "Events with the name, distinct_id and $insert_id of another event at a different second of the day "
    "(Mixpanel may merge such events; this project keeps them)",
}
"""The text that the page shows before a count, by the count's name, for counts that need an explanation."""


class Expectation(NamedTuple):
    """One row of the report's table of expectations.

    ``restates``: whether the expectation only repeats the range of the field's type; such rows are folded.
    """

    field: str
    sentence: str
    severity: str
    failed: int
    restates: bool = False


@dataclass(frozen=True)
class Report:
    """The content of the quality report of a partition. A count is a number of events, unless stated otherwise.

    Attributes:
        pipeline: the pipeline's name.
        partition: the day, as ``YYYY-MM-DD``.
        schema_title: the title of the XDM schema.
        schema_version: the version of the XDM schema; empty if unknown.
        counts: the counts of the manifests of export, transform and validate, by name.
        reasons: quarantined events by reason.
        not_converted: events with a value that does not fit its field, by field.
        expectations: the table of expectations.
        by_hour: events by hour in UTC.
        by_event: events by event name.
    """

    pipeline: str
    partition: str
    schema_title: str
    schema_version: str
    counts: dict[str, int]
    reasons: dict[str, int]
    not_converted: dict[str, int]
    expectations: list[Expectation]
    by_hour: dict[str, int]
    by_event: dict[str, int]
    broken: list[str] = field(default_factory=list)
    """The reasons why the partition as a whole fails; empty if it passes."""
    warnings: dict[str, int] = field(default_factory=dict)
    """How often expectations of severity ``warning`` were not met, by reason."""
    dropped_identities: dict[str, int] = field(default_factory=dict)
    """The number of identity values that were left out, by ``<namespace>: <reason>``."""
    unmapped: dict[str, int] = field(default_factory=dict)
    """Events by property that no mapping reads; only the most frequent properties."""
    other_properties: int = 0
    """The number of properties without a mapping that ``unmapped`` does not list."""
    other_events: int = 0
    """The number of events whose names ``by_event`` does not list."""
    base: str = ""
    """For a refresh: the digest of the output of validate for which the other rows were checked; else empty."""
    checked: int = 0
    """The number of rows that were checked for this report."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """Values that were refused, by reason; empty unless the pipeline file sets ``quality.show_values``."""
    quarantine: list[str] = field(default_factory=list)
    """The keys of the files in the lake that contain the quarantined events."""


def render(report: Report) -> str:
    """Return the report as an HTML page; the template escapes all texts."""
    folded = [each for each in report.expectations if each.restates and not each.failed]
    return _load_template().render(
        report=report,
        restated=folded,
        listed=[each for each in report.expectations if each not in folded],
        busiest_hour=max(report.by_hour.values(), default=1),
        busiest_event=max(report.by_event.values(), default=1),
        limits=LIMITS,
        hour_step=max(1, -(-len(report.by_hour) // 6)),  # the number of labels that fit on a phone
    )


@cache
def _load_template() -> Template:
    from jinja2 import Environment, StrictUndefined

    text = (Path(__file__).parent / "report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["breakable"] = breakable
    environment.filters["number"] = lambda number: f"{number:,}"
    environment.filters["counted"] = counted
    return environment.from_string(text)


def breakable(text: str) -> Markup:
    """Return a text as escaped HTML with optional line breaks (``<wbr>``) inside long names.

    The breaks are after dots, underscores and similar marks, and between the words of camelCase names. Without them,
    a long name makes the page wider than the screen of a phone, or is broken in the middle of a word.
    """
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(map(escape, _WORD_ENDS.split(text)))
