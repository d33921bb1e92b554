"""The digests of the steps' outputs are frozen: a new version of the code finds the outputs of an existing lake.

They change with ``DATA_VERSION``, when the rows change; in no other commit.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from include.lake.history import History, Target
from include.lake.lake import Lake
from include.lake.ledger import LedgerRecord
from include.lake.manifest import Delta, LakeFile, Manifest, delta_fields, digest_of, upload_file
from include.lake.records import create_record
from include.mixpanel.raw_file import write_lines
from include.steps.export import compare_exports
from include.steps.export.export_request import ExportRequest
from include.steps.export.step import export_partition
from include.steps.stage.step import stage_partition
from include.steps.transform import transform_partition
from include.steps.validate.step import validate_partition
from include.steps.workspace import DATA_VERSION, Workspace
from include.xdm.mapping.mapping_set import MappingSet, bind
from tests.support.builders import (
    DAY,
    SOURCE,
    STRING,
    Mixpanel,
    event,
    line,
    row,
    schema,
    workspace,
)

pytestmark = pytest.mark.unit
FROZEN_FOR = 8
"""The ``DATA_VERSION`` of the digests below."""
XDM = schema(city={**STRING, "maxLength": 6})
LINES = tuple(line(event(**{"$insert_id": f"i-{n}", "$city": "Oslo"})) for n in range(3))
ADDED = line(event(**{"$insert_id": "late", "$city": "Rome"}))
RAW, REFRESHED = "ef" * 16, "de" * 16
"""The digests of two exports; those of real exports depend on the compression library's bytes."""


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return workspace(Lake(f"file://{tmp_path}/lake"), quality={"max_quarantined": 1.0, "allow_empty": True})


def bound(place: Workspace) -> MappingSet:
    rows = [row("event", "eventType"), row("properties.$city", "city")]
    return bind("test.json", rows, XDM, keep_unmapped=place.pipeline.unmapped == "keep")


def export(place: Workspace, scratch: Path, digest: str, *lines: bytes, base: str = "") -> Manifest:
    """An export with a chosen digest; with ``base``, the lines that were added to that export."""
    raw = write_lines(scratch / f"{digest}.jsonl.gz", lines)
    file = upload_file(
        place.lake,
        f"{place.partition.output('export', digest)}/events-{'0' * 16}.jsonl.gz",
        raw.path,
        raw.rows,
    )
    details = {"project_id": SOURCE.project_id, "region": SOURCE.region}
    counts = {"exported": len(lines) + (len(LINES) if base else 0)}
    fields = (
        delta_fields(Delta(base=base, rows=counts["exported"]), details) if base else {"details": details}
    )
    inputs = {"request": "ab" * 16}
    return place.publish(step="export", digest=digest, inputs=inputs, files=(file,), counts=counts, **fields)


def remove_files(place: Workspace, manifest: Manifest) -> None:
    """Record the removal of an output's files, as a cleaning does."""
    body = json.dumps({"at": "2026-07-03T00:00:00+00:00", "setting": "intermediates_days"}).encode()
    assert create_record(place.lake, place.partition.removal(manifest.step, manifest.digest), body)


def chain(place: Workspace, raw: Manifest) -> tuple[Manifest, Manifest]:
    mapped = transform_partition(place, raw, XDM, bound(place))
    return mapped, validate_partition(place, mapped)


def loaded(place: Workspace, staged: Manifest, **fields: object) -> History:
    """A history in which a staged output is active."""
    history = History(place.lake, SOURCE, Target("org@AdobeOrg", "prod", "dataset-1"))
    ids = LakeFile.model_validate(staged.details["ids"])
    history.ledger(DAY).append(
        [], "active", run="test", at="2026-07-02T00:00:00+00:00", batch="B-1", content=staged.content,
        staged=staged.digest, counts={"active": staged.rows}, ids=ids, recipe=2, **fields,
    )  # fmt: skip
    return history


def active(place: Workspace, history: History) -> list[LedgerRecord]:
    return history.ledger(place.partition.day).records()


def test_they_are_frozen_for_the_current_data_version() -> None:
    assert DATA_VERSION == FROZEN_FOR, "freeze the digests of the new version"


def test_a_mapped_day(place: Workspace, tmp_path: Path) -> None:
    raw = export(place, tmp_path, RAW, *LINES)
    mapped = transform_partition(place, raw, XDM, bound(place))
    assert mapped.digest == "c16f659dae3130e43db4b71a8552793f"
    older = transform_partition(place, raw, XDM, bound(place), recipe=1)
    assert older.digest == "0a1a8833577da418f6c6bf681fee890d"
    remove_files(place, mapped)
    assert transform_partition(place, raw, XDM, bound(place)) == mapped, "a loaded day needs no files"
    again = transform_partition(place, raw, XDM, bound(place), with_files=True)
    assert again.digest == "ee62456346494e9c3d91b76f3b93631e"
    assert again.inputs == {**mapped.inputs, "generation": "2"}


def test_a_validated_day(place: Workspace, tmp_path: Path) -> None:
    mapped, valid = chain(place, export(place, tmp_path, RAW, *LINES))
    assert valid.digest == "dc4ffe4957eebf689ea1e1fcfb068b35"
    remove_files(place, valid)
    assert validate_partition(place, mapped) == valid
    assert validate_partition(place, mapped, with_files=True).digest == "90f3bd491458468963fdf267ba420ec5"


def test_a_refreshed_day(place: Workspace, tmp_path: Path) -> None:
    base_mapped, base_valid = chain(place, export(place, tmp_path, RAW, *LINES))
    refreshed = export(place, tmp_path, REFRESHED, ADDED, base=RAW)
    mapped, valid = chain(place, refreshed)
    assert [each.delta and each.delta.base for each in (mapped, valid)] == [
        base_mapped.digest,
        base_valid.digest,
    ]
    assert mapped.inputs["base"] == base_mapped.digest
    assert (mapped.digest, valid.digest) == (
        "1f2dcd3fb0220f5a2ebd0056236d61bd",
        "df66735b89f3bf7bf9325097088e7e75",
    )
    assert chain(place, refreshed) == (mapped, valid)


def test_a_refreshed_day_whose_base_was_never_mapped(place: Workspace, tmp_path: Path) -> None:
    export(place, tmp_path, RAW, *LINES)
    mapped, valid = chain(place, export(place, tmp_path, REFRESHED, ADDED, base=RAW))
    assert (mapped.delta, valid.delta) == (None, None)
    assert (mapped.digest, valid.digest) == (
        "4cef97aae56d7ceb1b8ad2bc64a23d11",
        "404c4cedad13c6c4d3395604e69117a9",
    )


def test_a_staged_day(place: Workspace, tmp_path: Path) -> None:
    _, valid = chain(place, export(place, tmp_path, RAW, *LINES))
    assert stage_partition(place, valid).digest == "83125df3201d6e84832c6b73afa6d5d7"
    history = History(place.lake, SOURCE, Target("org@AdobeOrg", "prod", "dataset-1"))
    first = stage_partition(place, valid, history)
    assert first.digest == "f726aa98f8452a85c3b5bb961717bff5"
    remove_files(place, first)
    assert (
        stage_partition(place, valid, history, with_files=True).digest == "f3462a1b586cf365492c7b188e1ce8f6"
    )
    in_json = place.pipeline.model_copy(
        update={"aep": place.pipeline.aep.model_copy(update={"file_format": "json"})}
    )
    assert (
        stage_partition(replace(place, pipeline=in_json), valid, history).digest
        == "b32193f38a9f785e1f0cb6d429105073"
    )


def test_a_day_of_which_rows_are_active(place: Workspace, tmp_path: Path) -> None:
    _, before = chain(place, export(place, tmp_path, RAW, *LINES))
    history = History(place.lake, SOURCE, Target("org@AdobeOrg", "prod", "dataset-1"))
    first = stage_partition(place, before, history)
    loaded(place, first)
    assert stage_partition(place, before, history) == first, "the active load itself is found"
    _, valid = chain(place, export(place, tmp_path, REFRESHED, ADDED, base=RAW))
    late = stage_partition(place, valid, history)
    assert (late.digest, late.counts["staged"]) == ("67580e8bb9cabd14f8b9d3910c951bfb", 1)
    whole = stage_partition(place, valid, history, replace=True)
    assert (whole.digest, whole.counts["staged"]) == ("eb4b83cac416cab04a544e26aef699d9", 4)


def test_a_day_of_which_aep_refused_rows(place: Workspace, tmp_path: Path) -> None:
    _, before = chain(place, export(place, tmp_path, RAW, *LINES))
    first = stage_partition(
        place, before, History(place.lake, SOURCE, Target("org@AdobeOrg", "prod", "dataset-1"))
    )
    refused = LakeFile.model_validate(first.details["ids"]).model_copy(update={"sha256": "0" * 64})
    history = loaded(place, first, refused=refused)
    _, valid = chain(place, export(place, tmp_path, REFRESHED, ADDED, base=RAW))
    assert active(place, history)[-1].refused == refused
    assert stage_partition(place, valid, history).digest == "2a5634b61c909f58a6614789f2d68529"


def test_exports(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of a whole export is that of its request and its bytes; of a delta, that of its base and lines."""
    request = ExportRequest.of(place, SOURCE)
    assert request.digests == ("347c00cbb9dbb5e875058c13a564c69c", "9c4748076381942d78cc563f2d53a3aa")
    whole = export_partition(place, SOURCE, Mixpanel(*LINES))
    [file] = whole.files
    parts = {"export": "bytes", "asked": request.digest, "sha256": file.sha256}
    assert (whole.digest, whole.inputs) == (digest_of(parts), {"request": request.digest})
    monkeypatch.setattr(compare_exports, "SMALL_LINES", 0)
    monkeypatch.setattr(compare_exports, "MOST_CHANGED", 1000)
    delta = export_partition(place, SOURCE, Mixpanel(*LINES[1:], ADDED), refresh="again")
    assert delta.delta is not None
    sums = {
        "added": "d70802b772e7e5b03061ce701ef42df05b001ff6220d6193a9e23e1ea315eef4",
        "removed": "815ae281c6f7055d62e7249e565c2b3c94d241b48ab71f29c37836ab630b342c",
    }
    parts = {"export": "delta", "asked": request.digest, "base": whole.digest, **sums}
    assert (delta.digest, delta.inputs) == (digest_of(parts), {"request": request.digest})
