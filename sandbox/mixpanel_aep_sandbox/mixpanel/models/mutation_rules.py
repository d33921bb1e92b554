"""Rules by which Mixpanel changes stored events: merges of identities, deletions, and removal of duplicates."""

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
    """Time of the sandbox's clock from which the rule is in effect; 0 means the time at which the rule is added."""


class IdentityMerge(_Rule):
    """An identity merge: all rows with the ``distinct_id`` ``from`` are exported with the id ``to``.

    This applies to rows that were stored before the merge and to later ones.
    """

    kind: Literal["rewrite"] = "rewrite"
    from_id: str = Field(alias="from")
    to_id: str = Field(alias="to")
    keep_before: bool = True
    """Whether the changed row has the old id in ``$distinct_id_before_identity``."""
    touches_processing: bool = False
    """Whether the merge sets the row's processing time to the time of the merge; undocumented [I]."""

    def apply(self, rows: list[Row]) -> list[Row]:
        """Return all rows in the same order; rows with the ``distinct_id`` ``from`` get the id ``to``."""
        return [self._replace_id(row) if row.distinct_id == self.from_id else row for row in rows]

    def _replace_id(self, row: Row) -> Row:
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
    """A deletion of the rows that match all given fields and were processed before the deletion.

    Mixpanel hides deleted rows from the Query API at once, but may take up to 30 days to purge them; until then the raw
    export returns them.
    """

    kind: Literal["delete"] = "delete"
    purged_at: Moment = 0
    """Time from which the raw export no longer returns the rows; 0 means from the deletion on."""
    events: list[str] | None = None
    distinct_ids: list[str] | None = None
    insert_ids: list[str] | None = None
    from_date: date | None = None
    to_date: date | None = None

    def apply(self, rows: list[Row]) -> list[Row]:
        """Return the rows that are not deleted, in the same order."""
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
    """A removal of duplicates among the rows that were processed before it: only the row processed last remains.

    Duplicates are rows with the same event, ``distinct_id``, ``$insert_id`` and day. Mixpanel's compaction compares the
    day, not the exact time.
    """

    kind: Literal["compact"] = "compact"
    from_date: date | None = None
    to_date: date | None = None

    def apply(self, rows: list[Row]) -> list[Row]:
        """Return the rows without older duplicates, in the same order."""
        newest: dict[tuple[str, str, str, int], Row] = {}
        for row in rows:
            if self._applies_to(row):
                key = _duplicate_key(row)
                if key not in newest or newest[key].processed_ms <= row.processed_ms:
                    newest[key] = row
        remaining = {id(row) for row in newest.values()}
        return [row for row in rows if not self._applies_to(row) or id(row) in remaining]

    def _applies_to(self, row: Row) -> bool:
        return (
            bool(row.insert_id)
            and row.processed_ms <= self.at
            and (self.from_date is None or row.day >= (self.from_date - _EPOCH).days)
            and (self.to_date is None or row.day <= (self.to_date - _EPOCH).days)
        )


AnyRule = IdentityMerge | Deletion | Compaction
Rules = list[AnyRule]
_rule: TypeAdapter[AnyRule] = TypeAdapter(Annotated[AnyRule, Field(discriminator="kind")])


class MutationRules:
    """The mutation rules of all projects, in the sandbox's store."""

    def __init__(self, state: SandboxState) -> None:
        self._store, self._clock = state.store, state.clock

    def add(self, project_id: int, rule: AnyRule) -> None:
        """Store a rule of a project; a rule whose ``at`` is 0 is in effect from the current time on."""
        rule = rule.model_copy(update={"project_id": project_id, "at": rule.at or self._clock.milliseconds()})
        with self._store.transaction():
            number = max((int(key) for key, _ in self._store.items(_KIND)), default=0) + 1
            self._store.put(_KIND, str(number), json.loads(rule.model_dump_json(by_alias=True)))

    def delete_project(self, project_id: int) -> None:
        """Delete the rules of a project."""
        with self._store.transaction():
            for key, body in self._store.items(_KIND):
                if body["project_id"] == project_id:
                    self._store.delete(_KIND, key)

    def rules_of_project(self, project_id: int) -> Rules:
        """Return all rules of a project, in the order in which they take effect."""
        rules = [_rule.validate_python(body) for _, body in self._store.items(_KIND)]
        return sorted((rule for rule in rules if rule.project_id == project_id), key=lambda rule: rule.at)

    def rules_in_effect(self, project_id: int, now_ms: int, *, raw: bool) -> Rules:
        """Return the rules of a project that are in effect at a time, in the order in which they took effect.

        Args:
            project_id: the id of the project.
            now_ms: the time in epoch milliseconds.
            raw: whether the rules are for the raw export, which does not apply a deletion before the rows are purged.
        """
        rules = [rule for rule in self.rules_of_project(project_id) if rule.at <= now_ms]
        return [
            rule for rule in rules if not (raw and isinstance(rule, Deletion) and rule.purged_at > now_ms)
        ]


def apply_rules(rows: list[Row], rules: Iterable[AnyRule]) -> list[Row]:
    """Apply the rules to the rows one after the other, and return the result."""
    for rule in rules:
        rows = rule.apply(rows)
    return rows


def _duplicate_key(row: Row) -> tuple[str, str, str, int]:
    return row.event, row.distinct_id, row.insert_id, row.day
