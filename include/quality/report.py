"""The report page of a partition: one self-contained, escaped HTML file; it shows values of rows only if enabled."""

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
"""Counts that need an explanation, and the text before each."""


class Expectation(NamedTuple):
    """One row of the table of expectations. ``restates``: whether the expectation only restates the range of its field's type."""

    field: str
    sentence: str
    severity: str
    failed: int
    restates: bool = False


@dataclass(frozen=True)
class Report:
    """The content of the page. Counts are events; event names are the only text from the customer's data."""

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
    """The reasons why the partition as a whole fails."""
    warnings: dict[str, int] = field(default_factory=dict)
    dropped_identities: dict[str, int] = field(default_factory=dict)
    """Numbers of values that are not identities, by ``<namespace>: <reason>``."""
    unmapped: dict[str, int] = field(default_factory=dict)
    """Numbers of events by property that no mapping reads, of the most frequent ones."""
    other_properties: int = 0
    """The number of properties without a mapping that ``unmapped`` does not list."""
    other_events: int = 0
    """The number of events whose names ``by_event`` does not list."""
    base: str = ""
    """The output of validate that decided on all rows except those of ``checked``; empty if all rows were checked."""
    checked: int = 0
    """The number of rows that were checked for this report."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """Values by reason; empty unless the pipeline file sets ``show_values``."""
    quarantine: list[str] = field(default_factory=list)
    """The keys of the files in the lake that hold the events in quarantine."""


def render(report: Report) -> str:
    """Return the page as HTML. The template escapes everything that comes from data."""
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
    """Return a text as HTML in which long names may continue on the next line after a dot, an underscore or a word.

    Otherwise a browser breaks a long name in the middle of a word, or the page is wider than a phone.
    """
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(map(escape, _WORD_ENDS.split(text)))
