"""Expectations on every event in addition to the XDM schema: the rules of AEP, of its Profile, and of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from include.json_types import JsonValue
from include.quality.aep_json import PROFILE_EVENT_BYTES
from include.quality.constraints import CONSTRAINTS, Severity
from include.quality.expectation_spec import ExpectationSpec
from include.quality.view import BYTES, Part, View
from include.xdm.schema.xdm_schema import XdmSchema


@dataclass(frozen=True)
class EventRules:
    """What every event must fit: the time before ``now``, from ``first`` (included) to ``latest`` (excluded); all in UTC."""

    now: datetime
    first: datetime
    latest: datetime
    profile: bool = False
    """Whether the dataset feeds Real-Time Customer Profile, which requires an identity and accepts 10 KB an event."""
    severity: Mapping[str, Severity] = field(default_factory=dict)
    """The severities in the pipeline file, by rule."""


def event_expectations(schema: XdmSchema, rules: EventRules) -> Iterator[ExpectationSpec]:
    """Yield the expectations on every event that follow from ``rules``, not from the fields of ``schema``."""

    def rule(
        view: View,
        name: str,
        limit: JsonValue,
        severity: Severity | None = None,
        label: str = "",
        **kwargs: datetime | float,
    ) -> ExpectationSpec:
        table = CONSTRAINTS[name]
        chosen = rules.severity.get(name) or severity or table.severity
        return ExpectationSpec(view, name, limit, table.expectation, kwargs, chosen, label)

    moment = View(("timestamp",), Part.VALUE)
    yield rule(moment, "in_the_past", rules.now.isoformat(), max_value=rules.now)
    yield rule(
        moment, "in_the_partition", f"{rules.first.isoformat()} to {rules.latest.isoformat()}",
        min_value=rules.first, max_value=rules.latest, strict_max=True,
    )  # fmt: skip
    profile, primary = rules.profile or schema.profile is not None, schema.profile and schema.profile.primary
    if "identityMap" in schema.root.children:
        identity = View(("identityMap",), Part.PRESENCE)
        yield rule(identity, "identity", None, "critical" if profile and not primary else None)
    for length in range(1, len(primary or ()) + 1):
        # Presence of a member counts only where its object is present, so each parent object is required too.
        path = (primary or ())[:length]
        yield rule(View(path, Part.PRESENCE), "primary_identity", None, label=".".join(primary or ()))
    if profile:
        yield rule(BYTES, "event_size", PROFILE_EVENT_BYTES, label="the event", max_value=PROFILE_EVENT_BYTES)
