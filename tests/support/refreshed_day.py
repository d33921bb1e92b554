"""Two ways to refresh a day: from the different lines only, and from all lines. Both must produce the same day."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.json_types import JsonMapping, JsonObject
from include.lake.history import History, Target
from include.lake.lake import Lake
from include.lake.manifest import LakeFile, Manifest, upload_file
from include.steps.day_rows import DayRows, row_groups
from include.steps.export import compare_exports
from include.steps.export.step import export_partition
from include.steps.stage.step import stage_partition
from include.steps.transform import transform_partition
from include.steps.transform.dropped_identities import dropped_counts
from include.steps.validate.step import validate_partition
from include.steps.workspace import Workspace
from include.xdm.mapping.mapping_set import bind
from tests.support.builders import DAY, INT, SOURCE, STRING, Mixpanel, quarantined, row, schema, workspace

XDM = schema(city={**STRING, "maxLength": 6}, quantity=INT)
MAPPING: list[JsonObject] = [
    row("event", "eventType"), row("properties.$city", "city"), row("properties.quantity", "quantity"),
]  # fmt: skip
QUALITY = {"max_quarantined": 1.0, "allow_empty": True}
IDENTITIES = {"$user_id": "MixpanelUser", "$city": "MixpanelCity"}
"""The second is a field, too."""
HISTORY = Target("org@AdobeOrg", "prod", "dataset-1")


@dataclass
class Refreshed:
    """A lake in which a day is loaded and refreshed. ``as_delta``: from the difference, however small the day is."""

    folder: Path
    as_delta: bool
    refreshes: int = 0
    identities: JsonMapping = field(default_factory=lambda: IDENTITIES)

    @cached_property
    def place(self) -> Workspace:
        return workspace(Lake(f"file://{self.folder}"), quality=QUALITY, identities=self.identities)

    def mapped(self, lines: Sequence[bytes]) -> tuple[Manifest, Manifest]:
        """Export and transform the current day."""
        self.refreshes += 1
        with pytest.MonkeyPatch.context() as patch:
            if self.as_delta:
                patch.setattr(compare_exports, "SMALL_LINES", 0)
                patch.setattr(compare_exports, "MOST_CHANGED", 1000)
            raw = export_partition(self.place, SOURCE, Mixpanel(*lines), refresh=f"refresh {self.refreshes}")
        mapping = bind("test.json", [dict(each) for each in MAPPING], XDM, keep_unmapped=True)
        return raw, transform_partition(self.place, raw, XDM, mapping)

    def valid(self, mapped: Manifest) -> Manifest:
        return validate_partition(self.place, mapped)

    def staged(self, valid: Manifest, active: Mapping[str, int] | None) -> Manifest:
        """Stage the rows that are not ``active``: ids with the digests of their events. None: without a history."""
        return stage_partition(self.place, valid, self._history(active) if active is not None else None)

    def rows(self, manifest: Manifest) -> dict[str, JsonObject]:
        """Return the rows of a day by ``_id``, which must be unique."""
        with TemporaryDirectory() as folder:
            day = DayRows(self.place, manifest, Path(folder))
            tables = [*day.base_tables(), *row_groups(day.output_paths)]
            files = [pq.read_table(file.path) for file in day.files()]
            rows, in_files = (
                [each for table in found for each in table.to_pylist(maps_as_pydicts="strict")]
                for found in (tables, files)
            )
        by_id = {each["_id"]: each for each in rows}
        assert len(by_id) == len(rows) == manifest.rows
        assert by_id == {each["_id"]: each for each in in_files}
        return by_id

    def events(self, mapped: Manifest) -> dict[str, int]:
        """Return the digests of the day's events by ``_id``."""
        base = self.place.base_of(mapped)
        with TemporaryDirectory() as folder:
            gone = set(DayRows(self.place, mapped, Path(folder)).superseded.to_pylist())
        found = {key: n for key, n in self._listed(base).items() if key not in gone} if base else {}
        assert not found.keys() & self._listed(mapped).keys()
        return found | self._listed(mapped)

    def ids(self, staged: Manifest) -> dict[str, int]:
        """Return the ids of a load as the history stores them."""
        kept = staged.details["ids"]
        return self._table(LakeFile.model_validate(kept)) if kept else {}

    def _listed(self, mapped: Manifest) -> dict[str, int]:
        listed = mapped.details["events"]
        return self._table(LakeFile.model_validate(listed)) if listed else {}

    def _table(self, file: LakeFile) -> dict[str, int]:
        table = pq.read_table(pa.BufferReader(self.place.lake.read(file.key) or b""))
        assert table.num_rows == file.rows
        return dict(zip(table["_id"].to_pylist(), table["digest"].to_pylist(), strict=True))

    def _history(self, active: Mapping[str, int]) -> History:
        """Return a separate history with one active load."""
        number = self.refreshes * 1000 + len(list(self.place.lake.keys("_histories")))
        history = History(self.place.lake, SOURCE, Target("org@AdobeOrg", "prod", f"dataset-{number}"))
        if active:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "ids.parquet"
                columns = {"_id": list(active), "digest": pa.array(list(active.values()), pa.int64())}
                pq.write_table(pa.table(columns), path)
                ids = upload_file(self.place.lake, history.ids_key(DAY, "ab" * 16), path, len(active))
            history.ledger(DAY).append(
                [], "active", run="test", at="2026-07-02T00:00:00+00:00", batch="B-1", content="ab" * 16,
                staged="ab" * 16, counts={"active": len(active)}, ids=ids, recipe=2,
            )  # fmt: skip
        return history


def records(place: Workspace, manifest: Manifest) -> Counter[str]:
    """Return the quarantine of a day without line numbers, which depend on the file of the export."""
    kept = manifest.details["quarantine"]
    found = quarantined(place, manifest)
    assert len(found) == (kept["rows"] if kept else 0)
    return Counter(json.dumps({**each, "line_number": 0}, sort_keys=True) for each in found)


def require_same_mapping(one: Refreshed, other: Refreshed, found: Manifest, expected: Manifest) -> None:
    """Assert that ``found`` is the transform's output of the same day as ``expected``, in its rows and its manifest."""
    at_most = found.details.get("at_most", ())
    estimates = {"not_converted": "warnings", "dropped_identities": "dropped_identities"}
    left_out = {"compacted_by_day", *(estimates[name] for name in at_most)}
    counts = [{k: n for k, n in each.counts.items() if k not in left_out} for each in (found, expected)]
    assert counts[0] == counts[1]
    assert one.rows(found) == other.rows(expected)
    assert one.events(found) == other.events(expected)
    assert records(one.place, found) == records(other.place, expected)
    for name in ("by_event", "unmapped", "reasons", "recipe", "schema_version", "partial"):
        assert found.details.get(name) == expected.details.get(name), name
    for name in ("not_converted", "inexact"):
        ours, theirs = (Counter(each.details[name]) for each in (found, expected))
        assert ours >= theirs if "not_converted" in at_most else ours == theirs, name
    dropped, expected_ones = (
        dropped_counts(each.details["dropped_identities"]) for each in (found, expected)
    )
    assert dropped.total() == found.counts.get("dropped_identities", 0)
    assert dropped >= expected_ones if "dropped_identities" in at_most else dropped == expected_ones


def require_same_validation(one: Refreshed, other: Refreshed, found: Manifest, expected: Manifest) -> None:
    """Assert that ``found`` is validate's output of the same day as ``expected``."""
    assert found.counts == expected.counts
    assert one.rows(found) == other.rows(expected)
    assert records(one.place, found) == records(other.place, expected)
    for name in ("reasons", "warnings", "by_event", "other_events"):
        assert found.details[name] == expected.details[name], name
    assert found.details["form"] == expected.details["form"] or not found.rows
    ours, theirs = (each.details["rows"] for each in (found, expected))
    assert (ours["by_hour"], ours["has_event_type"]) == (theirs["by_hour"], theirs["has_event_type"])


def require_same_stage(
    one: Refreshed, other: Refreshed, found: Manifest, expected: Manifest, active: Mapping[str, int] | None
) -> None:
    """Assert that both days stage the same rows in addition to ``active`` ones."""
    ours, theirs = one.staged(found, active), other.staged(expected, active)
    assert ours.counts == theirs.counts
    assert one.rows(ours) == other.rows(theirs)
    assert one.ids(ours) == other.ids(theirs)
