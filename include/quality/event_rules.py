"""Define the expectations that do not come from the XDM schema: rules of AEP, of its Profile, and of the pipeline."""

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
    """The facts of a partition and of its pipeline that the rules for events need. All times are in UTC.

    An event's timestamp must be before ``now``, not before ``first``, and before ``latest``; ``first`` and ``latest``
    are the bounds of the partition's day.
    """

    now: datetime
    first: datetime
    latest: datetime
    profile: bool = False
    """Whether Real-Time Customer Profile reads the dataset; it requires an identity and drops events above 10 KB."""
    severity: Mapping[str, Severity] = field(default_factory=dict)
    """The severities that the pipeline file sets, by the name of the rule."""


def event_expectations(schema: XdmSchema, rules: EventRules) -> Iterator[ExpectationSpec]:
    """Yield the expectations on every event that follow from ``rules``.

    ``schema``: shows whether rows have identities, which field is the primary identity, and whether Profile is enabled.
    """

    def rule(
        view: View,
        name: str,
        limit: JsonValue,
        severity: Severity | None = None,
        label: str = "",
        **kwargs: datetime | float,
    ) -> ExpectationSpec:
        """Return the expectation of the rule ``name`` of ``include.quality.constraints``, with the value ``limit``.

        ``severity`` replaces the severity that the rule has there. ``label``: the field's name in sentences, if it is
        not the path.
        """
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
        # The presence of a member is checked only where its parent object is present, so each parent is required too.
        path = (primary or ())[:length]
        yield rule(View(path, Part.PRESENCE), "primary_identity", None, label=".".join(primary or ()))
    if profile:
        yield rule(BYTES, "event_size", PROFILE_EVENT_BYTES, label="the event", max_value=PROFILE_EVENT_BYTES)
