"""One expectation: what is checked, in which values, and how Great Expectations checks it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from include.json_types import JsonValue
from include.quality.constraints import GxArguments, Reason, Severity, expected
from include.quality.view import View
from include.xdm.schema.xdm_field import INTEGER_LIMITS


@dataclass(frozen=True)
class ExpectationSpec:
    """One expectation. ``view``: the checked values; ``constraint`` and ``limit``: a name of ``CONSTRAINTS`` and its value.

    ``gx_type`` and ``kwargs``: the class of the GX expectation and its arguments.
    """

    view: View
    constraint: str
    limit: JsonValue
    gx_type: str
    kwargs: GxArguments = field(default_factory=dict)
    severity: Severity = "critical"
    label: str = ""
    """The name of the field in sentences, if that is not its path."""

    @property
    def reason(self) -> Reason:
        """The reason that a row which fails this expectation gets in quarantine and in the report."""
        return Reason(self.name, self.constraint, _hashable(self.limit))

    @property
    def name(self) -> str:
        """The name of the field in reasons and reports: ``label``, otherwise the path."""
        return self.label or self.view.name

    @property
    def sentence(self) -> str:
        """What the field must fit, such as ``must be at least 3``, for the report."""
        return expected(self.constraint, self.limit)

    @property
    def restates_type(self) -> bool:
        """Whether the expectation only restates the range of an integer type."""
        limits = {limit for both in INTEGER_LIMITS.values() for limit in both}
        return self.constraint in ("minimum", "maximum") and self.limit in limits


def _hashable(limit: JsonValue) -> object:
    """Return a limit as a hashable value, so that reasons can be counted."""
    if isinstance(limit, list):
        return tuple(map(_hashable, limit))
    return json.dumps(limit, sort_keys=True) if isinstance(limit, dict) else limit
