"""Changes that Mixpanel makes to stored events: it merges identities, deletes events, and merges duplicates."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.timestamps import Moment
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row, quote, raw_parts, render_line

_KIND = "mixpanel_rule"
_BEFORE = "$distinct_id_before_identity"
_EPOCH = date(1970, 1, 1)


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    project_id: int = 0
    at: Moment = 0
    """When the rule takes effect, by the sandbox's clock; 0: at once."""


class Rewrite(_Rule):
    """An identity merge: rows of one ``distinct_id`` are exported under another one, including later rows."""

    kind: Literal["rewrite"] = "rewrite"
    from_id: str = Field(alias="from")
    to_id: str = Field(alias="to")
    keep_before: bool = True
    """Keep the old id of the row in ``$distinct_id_before_identity``."""
    touches_processing: bool = False
    """Set the row's processing time to the time of the merge: undocumented [I]."""

    def apply(self, rows: list[Row]) -> list[Row]:
        """Return the rows with the new id."""
        return [self._changed(row) if row.distinct_id == self.from_id else row for row in rows]

    def _changed(self, row: Row) -> Row:
        try:
            event, properties = raw_parts(row.line)
        except ValueError:
            return row
        if self.keep_before:
            properties.setdefault(_BEFORE, properties.get("distinct_id", quote(self.from_id)))
        properties["distinct_id"] = quote(self.to_id)
        processed_ms = row.processed_ms
        if self.touches_processing:
            processed_ms = self.at
            properties["mp_processing_time_ms"] = b"%d" % processed_ms
        line = render_line(event, properties)
        return row._replace(distinct_id=self.to_id, processed_ms=processed_ms, line=line)


class Deletion(_Rule):
    """A deletion of rows that match all given fields and were processed before the deletion; later imports stay.

    Mixpanel hides them at once, and may take up to 30 days to purge them; until then the raw export returns them.
    """

    kind: Literal["delete"] = "delete"
    purged_at: Moment = 0
    """When the raw export no longer returns them; 0: at once."""
    events: list[str] | None = None
    distinct_ids: list[str] | None = None
    insert_ids: list[str] | None = None
    from_date: date | None = None
    to_date: date | None = None

    def apply(self, rows: list[Row]) -> list[Row]:
        """Return the rows that are not deleted."""
        return [row for row in rows if not self._matches(row)]

    def _matches(self, row: Row) -> bool:
        return (
            row.processed_ms <= self.at
            and (self.events is None or row.event in self.events)
            and (self.distinct_ids is None or row.distinct_id in self.distinct_ids)
            and (self.insert_ids is None or row.insert_id in self.insert_ids)
            and (self.from_date is None or row.day >= (self.from_date - _EPOCH).days)
            and (self.to_date is None or row.day <= (self.to_date - _EPOCH).days)
        )


class Compaction(_Rule):
    """A merge of duplicates processed before: the newest row of each (event, distinct_id, ``$insert_id``, day) stays.

    The day, not the time: Mixpanel's compaction also merges rows whose ``time`` differs.
    """

    kind: Literal["compact"] = "compact"
    from_date: date | None = None
    to_date: date | None = None

    def apply(self, rows: list[Row]) -> list[Row]:
        """Return the rows without older duplicates."""
        newest: dict[tuple[str, str, str, int], Row] = {}
        for row in rows:
            if self._applies_to(row):
                key = _key(row)
                if key not in newest or newest[key].processed_ms <= row.processed_ms:
                    newest[key] = row
        kept = {id(row) for row in newest.values()}
        return [row for row in rows if not self._applies_to(row) or id(row) in kept]

    def _applies_to(self, row: Row) -> bool:
        return (
            bool(row.insert_id)
            and row.processed_ms <= self.at
            and (self.from_date is None or row.day >= (self.from_date - _EPOCH).days)
            and (self.to_date is None or row.day <= (self.to_date - _EPOCH).days)
        )


AnyRule = Rewrite | Deletion | Compaction
Rules = list[AnyRule]
_rule: TypeAdapter[AnyRule] = TypeAdapter(Annotated[AnyRule, Field(discriminator="kind")])


class MutationRules:
    """The rules of all projects, in the sandbox's store."""

    def __init__(self, state: SandboxState) -> None:
        self._store, self._clock = state.store, state.clock

    def add(self, project_id: int, rule: AnyRule) -> None:
        """Store a rule; it takes effect at its ``at``, or now."""
        rule = rule.model_copy(update={"project_id": project_id, "at": rule.at or self._clock.milliseconds()})
        with self._store.transaction():
            number = max((int(key) for key, _ in self._store.items(_KIND)), default=0) + 1
            self._store.put(_KIND, str(number), json.loads(rule.model_dump_json(by_alias=True)))

    def forget(self, project_id: int) -> None:
        """Delete the rules of a project."""
        with self._store.transaction():
            for key, body in self._store.items(_KIND):
                if body["project_id"] == project_id:
                    self._store.delete(_KIND, key)

    def of(self, project_id: int) -> Rules:
        """Return the rules of a project, in the order in which they take effect."""
        rules = [_rule.validate_python(body) for _, body in self._store.items(_KIND)]
        return sorted((rule for rule in rules if rule.project_id == project_id), key=lambda rule: rule.at)

    def due(self, project_id: int, now_ms: int, *, raw: bool) -> Rules:
        """Return the rules in effect at a time, in order; ``raw``: for the raw export."""
        due = [rule for rule in self.of(project_id) if rule.at <= now_ms]
        return [rule for rule in due if not (raw and isinstance(rule, Deletion) and rule.purged_at > now_ms)]


def apply_rules(rows: list[Row], rules: Iterable[AnyRule]) -> list[Row]:
    """Return the rows after all rules were applied."""
    for rule in rules:
        rows = rule.apply(rows)
    return rows


def _key(row: Row) -> tuple[str, str, str, int]:
    return row.event, row.distinct_id, row.insert_id, row.day
