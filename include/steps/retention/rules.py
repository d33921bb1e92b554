"""Decide which outputs of a day no run needs any more, and which of their files may be removed. Pure functions.

Files are removed in two stages, so that no run loses a file that it is reading. First, a record next to the manifest
announces the removal; from then on, a step that needs the files creates them again. A cleaning at least ``GRACE`` later
removes the files: every step that may have started before the record has ended by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from include.config.model import Retention
from include.lake.lake import LakeObject
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, in_flight
from include.lake.manifest import PREVIOUS_STEP, digest_of
from include.steps.history.day_states import progress_of
from include.steps.retention.contents import DayContents, OutputKey, StoredOutput
from include.steps.rewritten import rewritten_to

GRACE = timedelta(hours=18)
"""The time between the record of a removal and the removal; longer than the longest task of a DAG (12 hours)."""
_LATER_FIRST = ("stage", "validate", "validate_shard", "transform")


def outputs_to_remove(day: DayContents, retention: Retention, now: datetime) -> dict[OutputKey, str]:
    """Return the outputs whose files are not needed any more, each with the name of the retention setting.

    Files of transform, validate (and of its shards) and stage end ``superseded_days`` after the day was loaded. On a
    day that is not loaded, they end that long after the same step created newer ones. An output never ends before the
    outputs that use it.
    """
    if day.has_uncopied_ledger:
        return {}
    there = {each.key: each for each in day.outputs if each.removed_at is None}
    kept = _used_by_unfinished_run(day, there)
    found: dict[OutputKey, str] = {}
    for step in _LATER_FIRST if retention.superseded_days is not None else ():
        least = timedelta(days=retention.superseded_days or 0)
        for output in _deltas_first(there, step):
            if (
                output.key not in kept | _needed_by_remaining(there, found)
                and now - _unneeded_since(day, output) >= least
            ):
                found[output.key] = "superseded_days"
    for output in _deltas_first(there, "export"):
        if output.key in kept or output.key in {
            _base_of(other) for other in _outputs_not_ended(there, found)
        }:
            continue
        if setting := _export_end_setting(day, output, retention, now):
            found[output.key] = setting
    return found


def _deltas_first(there: dict[OutputKey, StoredOutput], step: str) -> list[StoredOutput]:
    """Return the outputs of a step; a delta comes before its base."""
    return sorted(
        (each for each in there.values() if each.step == step), key=lambda each: _base_of(each) is None
    )


def _needed_by_remaining(there: dict[OutputKey, StoredOutput], ended: dict[OutputKey, str]) -> set[OutputKey]:
    """Return the inputs and the bases of the outputs in ``there`` that are not in ``ended``."""
    left = _outputs_not_ended(there, ended)
    return {key for each in left for key in (_input_of(each), _base_of(each)) if key is not None}


def removable_files(day: DayContents, now: datetime) -> list[LakeObject]:
    """Return the files to remove now: their removal was recorded ``GRACE`` ago, and no other output names them."""
    ended = {
        each.key for each in day.outputs if each.removed_at is not None and now - each.removed_at >= GRACE
    }
    named = {
        key
        for each in day.outputs
        if each.manifest is not None and each.key not in ended
        for key in each.manifest.keys
    }
    return [file for each in day.outputs if each.key in ended for file in each.files if file.key not in named]


def _used_by_unfinished_run(day: DayContents, there: dict[OutputKey, StoredOutput]) -> set[OutputKey]:
    """Return the outputs that an unfinished run uses or would find, with all their inputs and bases.

    Staged files of data version 5 that are the only list of a load's ids are returned as well.
    """
    roots = {("stage", digest) for records in day.ledgers if (digest := _unfinished_staged_digest(records))}
    if _loaded_at(day) is None:
        roots |= {each.key for each in there.values() if _is_newest(day, each)}
    kept: set[OutputKey] = set()
    left = list(roots)
    while left:
        key = left.pop()
        if key in kept or key not in there:
            continue
        kept.add(key)
        left += [before for before in (_input_of(there[key]), _base_of(there[key])) if before is not None]
    without_ids = {
        ("stage", record.staged)
        for records in day.ledgers
        for record in active_records(records)
        if record.ids is None
    }
    return kept | without_ids


def _unfinished_staged_digest(records: Sequence[LedgerRecord]) -> str | None:
    """Return the digest of the staged output in an unfinished run's ledger record; None if no run is unfinished."""
    if progress_of(list(records)) in ("none", "empty"):
        return None
    flying = records[-1] if records[-1].kind == "claimed" else in_flight(records)
    return flying.staged if flying is not None else None


def _loaded_at(day: DayContents) -> datetime | None:
    """Return when the day was loaded, by its ledgers; None if it was not loaded or a run is loading it."""
    if not day.ledgers or any(progress_of(list(records)) not in ("none", "empty") for records in day.ledgers):
        return None
    return max(datetime.fromisoformat(records[-1].at) for records in day.ledgers)


def _unneeded_since(day: DayContents, output: StoredOutput) -> datetime:
    """Return the time since which no run needs an output of transform, validate or stage that no open run uses."""
    loaded_at = _loaded_at(day)
    if loaded_at is not None:
        return max(output.written, loaded_at)
    return min(_newer_outputs_at(day, output), default=output.written)


def _is_newest(day: DayContents, output: StoredOutput) -> bool:
    """Return whether the next run of a day that is not loaded would use this output."""
    if output.manifest is None:
        return False
    if output.step == "export":
        return _superseded_at(day, output) is None
    return not any(_newer_outputs_at(day, output))


def _newer_outputs_at(day: DayContents, output: StoredOutput) -> Iterator[datetime]:
    """Yield when each newer output of the same step was written; for a shard, of ``validate``, which reads it."""
    step = "validate" if output.step == "validate_shard" else output.step
    for other in day.outputs:
        is_rival = other.step == step and other.manifest is not None
        if is_rival and (other.written, other.digest) > (output.written, output.digest):
            yield other.written


def _input_of(output: StoredOutput) -> OutputKey | None:
    before = PREVIOUS_STEP.get(output.step)
    if before is None or output.manifest is None or before not in output.manifest.inputs:
        return None
    return before, output.manifest.inputs[before]


def _base_of(output: StoredOutput) -> OutputKey | None:
    delta = output.manifest.delta if output.manifest is not None else None
    return (output.step, delta.base) if delta is not None else None


def _outputs_not_ended(
    there: dict[OutputKey, StoredOutput], ended: dict[OutputKey, str]
) -> list[StoredOutput]:
    return [each for key, each in there.items() if key not in ended]


def _export_end_setting(
    day: DayContents, raw: StoredOutput, retention: Retention, now: datetime
) -> str | None:
    """Return the retention setting that ends an export which no unfinished run uses; None if none does yet."""
    if retention.superseded_days is not None:
        least = timedelta(days=retention.superseded_days)
        superseded = _superseded_at(day, raw) if raw.manifest is not None else raw.written
        if superseded is not None and now - superseded >= least:
            return "superseded_days"
    if retention.raw_days is not None and now - raw.written >= timedelta(days=retention.raw_days):
        return "raw_days"
    return None


def _superseded_at(day: DayContents, raw: StoredOutput) -> datetime | None:
    """Return when another export of the same request was first selected in place of this one; None if none was."""
    request = _request(raw)
    rewritten = rewritten_to(each.manifest for each in day.outputs if each.manifest is not None)
    found = [
        (each.written, each.digest)
        for each in day.outputs
        if each.step == "export" and _request(each) == request
    ]
    digests = {digest for _, digest in found}
    found += [(at, digest) for at, digest in day.refreshes if digest in digests]
    found = [(at, rewritten.get(digest, digest)) for at, digest in found]
    # Of two exports with the same time, the one that a run would use (``latest_export``) counts as the newer one.
    this = rewritten.get(raw.digest, raw.digest)
    last = max(each for each in found if each[1] == this)
    return min((each[0] for each in found if each[1] != this and each > last), default=None)


def _request(raw: StoredOutput) -> str | None:
    """Return a digest of the export's request that is equal for all data versions; None without a manifest.

    Data version 5 and older did not include the region in the request.
    """
    if raw.manifest is None:
        return None
    asked = raw.manifest.details.get("request")
    if not asked:
        return str(raw.manifest.inputs["request"])
    return digest_of({name: text for name, text in asked.items() if name != "region"})
