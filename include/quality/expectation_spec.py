"""Specify an expectation: which values are checked, for what, and with which GX class."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from include.json_types import JsonValue
from include.quality.constraints import GxArguments, Reason, Severity, requirement_text
from include.quality.view import View
from include.xdm.schema.xdm_field import INTEGER_LIMITS


@dataclass(frozen=True)
class ExpectationSpec:
    """The specification of one expectation on rows or on a partition.

    Attributes:
        view: the values that are checked.
        constraint: the name of the constraint, a key of ``CONSTRAINTS``.
        limit: the value of the constraint, such as 3 for ``minLength``; None if it has no value or a long one.
        gx_type: the name of the GX class.
        kwargs: the arguments of the GX class.
        severity: whether a row that fails is quarantined (``critical``) or only counted (``warning``).
        label: the name of the field in sentences; if it is empty, the path is used.
    """

    view: View
    constraint: str
    limit: JsonValue
    gx_type: str
    kwargs: GxArguments = field(default_factory=dict)
    severity: Severity = "critical"
    label: str = ""

    @property
    def reason(self) -> Reason:
        """The reason that quarantine and the report give for a row that fails this expectation."""
        return Reason(self.name, self.constraint, _hashable(self.limit))

    @property
    def name(self) -> str:
        """The name of the field in reasons and reports: ``label``, or the path with dots if ``label`` is empty."""
        return self.label or self.view.name

    @property
    def sentence(self) -> str:
        """What is required of the field, such as ``must be at least 3``, for the report."""
        return requirement_text(self.constraint, self.limit)

    @property
    def restates_type(self) -> bool:
        """Whether the expectation only repeats the range of an XDM integer type, such as -32768 to 32767 for short."""
        limits = {limit for both in INTEGER_LIMITS.values() for limit in both}
        return self.constraint in ("minimum", "maximum") and self.limit in limits


def _hashable(limit: JsonValue) -> object:
    """Convert the value of a constraint to a hashable value: a list to a tuple, an object to JSON text."""
    if isinstance(limit, list):
        return tuple(map(_hashable, limit))
    return json.dumps(limit, sort_keys=True) if isinstance(limit, dict) else limit
