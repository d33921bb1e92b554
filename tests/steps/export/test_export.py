"""Export: the bytes as received, verified as complete before they are published, and once."""

from __future__ import annotations

import gzip
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from include.clock import Clock
from include.errors import BadManifest, ConfigError, LakeError, PartitionNotClosed, TruncatedExport
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.mixpanel.raw_file import read_lines
from include.steps.export import compare_exports, line_digests
from include.steps.export.export_delta import read_day
from include.steps.export.line_digests import LineDigests
from include.steps.export.step import export_partition
from include.steps.workspace import Output, Workspace
from tests.support.builders import (
    DAY,
    LATER,
    SOURCE,
    Mixpanel,
    event,
    frozen,
    line,
    pipeline,
    workspace,
)
from tests.support.export_streams import opened
from tests.support.fake_clock import FakeClock

pytestmark = pytest.mark.unit
LINES = [line(event()), "weird\u2028\u0085".encode(), b"\xff\xfe", b"{"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def export(place: Workspace, client: Any) -> Manifest:
    return export_partition(place, SOURCE, client)


def content(place: Workspace, manifest: Manifest, scratch: Path) -> bytes:
    return b"".join(gzip.decompress(path.read_bytes()) for path in place.local_files(manifest, scratch))


def published(lake: Lake) -> list[str]:
    return [key for key in lake.keys("shop") if not key.startswith("shop/schemas")]


def test_the_bytes_are_kept_as_received(lake: Lake, tmp_path: Path) -> None:
    made = export(workspace(lake), Mixpanel(*LINES))
    assert content(workspace(lake), made, tmp_path) == b"".join(text + b"\n" for text in LINES)
    assert (made.counts, made.rows) == ({"exported": 1, "not_events": 3}, 4)


def test_a_second_run_sends_no_request(lake: Lake) -> None:
    first = export(workspace(lake), Mixpanel(*LINES))
    again = Mixpanel(b"something else")
    assert export(workspace(lake), again) == first
    assert again.asked == 0


@pytest.mark.parametrize(
    "changes", [{"events": ["Purchase"]}, {"where": 'properties["x"] == 1'}, {"time_in_ms": True}]
)
@pytest.mark.parametrize("lines", [LINES, []], ids=["a day", "an empty day"])
def test_a_changed_request_is_sent_and_then_known_too(
    lake: Lake, changes: dict[str, Any], lines: list[bytes]
) -> None:
    """Also if Mixpanel's response is the same."""
    export(workspace(lake), Mixpanel(*lines))
    client = Mixpanel(*lines)
    other = workspace(lake, mixpanel=changes)
    made = export(other, client)
    assert (client.asked, export(other, client), client.asked) == (1, made, 1)


def test_the_request_has_the_day_and_the_pipelines_filter(lake: Lake) -> None:
    asked: list[Any] = []

    class Asked(Mixpanel):
        @contextmanager
        def export(self, from_date: date, to_date: date, **options: Any) -> Iterator[Iterable[bytes]]:
            asked.append((from_date, to_date, options))
            yield iter(())

    wanted = {"events": ["B", "A"], "where": "x", "time_in_ms": True}
    export(workspace(lake, mixpanel=wanted), Asked())
    assert asked == [(DAY, DAY, {"events": ("B", "A"), "where": "x", "time_in_ms": True})]


def test_a_truncated_export_publishes_nothing_and_the_next_one_does(lake: Lake) -> None:
    class Broken(Mixpanel):
        @contextmanager
        def export(self, from_date: date, to_date: date, **options: Any) -> Iterator[Iterable[bytes]]:
            def lines() -> Iterator[bytes]:
                yield from LINES
                raise TruncatedExport("Mixpanel's response is truncated.")

            yield lines()

    with pytest.raises(TruncatedExport):
        export(workspace(lake), Broken())
    assert published(lake) == []
    assert export(workspace(lake), Mixpanel(*LINES)).rows == 4


def test_an_empty_day_is_an_export_without_rows(lake: Lake, tmp_path: Path) -> None:
    made = export(workspace(lake), Mixpanel())
    assert (made.rows, made.counts, content(workspace(lake), made, tmp_path)) == (0, {"exported": 0}, b"")


def test_a_day_that_has_not_ended_is_not_requested(lake: Lake) -> None:
    client = Mixpanel(*LINES)
    midnight = datetime(2026, 7, 2, tzinfo=UTC)
    with pytest.raises(PartitionNotClosed, match="Partition 2026-07-01 has not ended in UTC"):
        export(workspace(lake, clock=frozen(midnight.replace(year=2026, day=1, hour=23))), client)
    assert client.asked == 0
    assert export(workspace(lake, clock=frozen(midnight)), client).rows == 4


def test_a_read_only_lake_is_detected_before_the_request(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise LakeError("The lake cannot write.")

    client = Mixpanel(*LINES)
    monkeypatch.setattr(Lake, "check_writable", lambda self: refuse())
    with pytest.raises(LakeError):
        export(workspace(lake), client)
    assert client.asked == 0


def test_two_exports_of_the_same_lines_are_one_output_byte_for_byte(tmp_path: Path) -> None:
    places = [workspace(Lake(f"file://{tmp_path}/{name}")) for name in ("one", "two")]
    one, two = (export(place, Mixpanel(*LINES)) for place in places)
    assert (one.digest, one.content, one.files) == (two.digest, two.content, two.files)


def test_different_lines_are_another_output_and_the_newest_one_counts(lake: Lake) -> None:
    """A later export, for example of a reconcile run, is stored in addition to the first, which is not overwritten."""
    hands = FakeClock(at=workspace(lake).clock.seconds())
    first = export(workspace(lake, clock=hands.clock), Mixpanel(*LINES))
    hands.at += 60
    later = workspace(lake, clock=hands.clock).publish(
        step="export", digest="cd" * 16, inputs=first.inputs, files=first.files, counts={"exported": 4}
    )
    assert export(workspace(lake, clock=hands.clock), Mixpanel()) == later


def test_a_day_before_the_pipeline_begins_is_refused(lake: Lake) -> None:
    with pytest.raises(
        ConfigError, match=r"Partition 2019-12-31 is before the start_date 2020-01-01 of pipeline shop\."
    ):
        Workspace.of(lake, pipeline(), date(2019, 12, 31))


def test_a_day_after_the_pipeline_ends_is_refused(lake: Lake) -> None:
    ended = pipeline(end_date="2026-06-30")
    Workspace.of(lake, ended, date(2026, 6, 30))
    with pytest.raises(
        ConfigError, match=r"Partition 2026-07-01 is after the end_date 2026-06-30 of pipeline shop\."
    ):
        Workspace.of(lake, ended, date(2026, 7, 1))


class Answering(Mixpanel):
    """Return a Mixpanel whose response has this body, gzipped in members or not at all."""

    def __init__(self, *members: bytes, plain: bool = False) -> None:
        super().__init__()
        self.body = b"".join(members) if plain else b"".join(gzip.compress(each) for each in members)
        self.headers = {} if plain else {"Content_Encoding": "gzip"}

    @contextmanager
    def export(self, from_date: date, to_date: date, **options: Any) -> Iterator[Iterable[bytes]]:
        self.asked += 1
        yield opened([self.body], **self.headers)


ROWS = [line(event(**{"$insert_id": f"i-{n}"})) for n in range(4)]
TEXT = b"\xef\xbb\xbf" + b"\r\n".join([ROWS[0], b"", *ROWS[1:], LINES[1]])


@pytest.mark.parametrize("members", [(TEXT,), (TEXT[:70], b"", TEXT[70:])], ids=["one member", "members"])
def test_mixpanels_gzip_is_stored_byte_for_byte(lake: Lake, members: tuple[bytes, ...]) -> None:
    client = Answering(*members)
    client.body += gzip.compress(b"\n" + ROWS[0], mtime=7)
    made = export(workspace(lake), client)
    (file,) = made.files
    assert lake.read(file.key) == client.body
    assert (file.sha256, file.bytes) == (hashlib.sha256(client.body).hexdigest(), len(client.body))


def test_a_plain_response_is_stored_gzipped_and_otherwise_unchanged(lake: Lake, tmp_path: Path) -> None:
    made = export(workspace(lake), Answering(TEXT + b"\n", ROWS[0], plain=True))
    assert content(workspace(lake), made, tmp_path) == TEXT + b"\n" + ROWS[0]
    assert made.counts == {"exported": 5, "not_events": 1}


def test_the_padding_of_a_gzip_is_not_stored(lake: Lake) -> None:
    """Other readers may report it as a damaged member."""
    client = Answering(ROWS[0] + b"\n")
    member, client.body = client.body, client.body + b"\0" * 512
    assert lake.read(export(workspace(lake), client).files[0].key) == member


def test_readers_get_clean_lines(lake: Lake, tmp_path: Path) -> None:
    made = export(workspace(lake), Answering(TEXT + b"\n", b"\n \r\n" + ROWS[0]))
    lines = list(read_lines(workspace(lake).local_files(made, tmp_path)))
    assert lines == [*ROWS, LINES[1], ROWS[0]]
    assert made.rows == len(lines)


def test_an_empty_response_is_an_empty_gzip(lake: Lake) -> None:
    client = Answering()
    client.headers["Content_Length"] = "0"
    made = export(workspace(lake), client)
    assert (made.rows, gzip.decompress(lake.read(made.files[0].key) or b"x")) == (0, b"")


def test_a_refresh_of_a_small_day_hashes_lines_only_if_their_number_is_equal(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    read = LineDigests.of

    def counted(raw: Iterable[Path], path: Path) -> LineDigests:
        found = read(raw, path)
        hashed.append(found.rows)
        return found

    monkeypatch.setattr(LineDigests, "of", counted)
    place = workspace(lake)

    def refresh(name: str, *rows: bytes) -> Manifest:
        return export_partition(place, SOURCE, Answering(b"\n".join(rows)), refresh=name)

    first = refresh("1", *ROWS)
    later = refresh("2", *ROWS, ROWS[0])
    assert (first == later, hashed) == (False, [])
    assert refresh("3", *reversed(ROWS)) == first
    assert hashed == [4, 4]
    assert refresh("4", ROWS[1], ROWS[0], *ROWS[2:]) == first
    assert hashed == [4, 4, 4]  # The first one's sum is recorded now.
    changed = refresh("5", *ROWS[:3], ROWS[0])
    assert changed not in (first, later)
    assert refresh("6", ROWS[0], *ROWS[:3]) == changed
    assert len([key for key in published(lake) if key.endswith("/manifest.json")]) == 3


def test_an_export_of_the_previous_version_is_recognised(lake: Lake, tmp_path: Path) -> None:
    """It wrote its own gzip and named the export by the sum of its lines."""
    place = workspace(lake)
    first = export_partition(place, SOURCE, Mixpanel(*ROWS))
    old = place.publish(
        step="export", digest="ab" * 16, inputs=first.inputs, files=first.files,
        counts=first.counts, details=first.details,
    )  # fmt: skip
    (lake.root or tmp_path).joinpath(place.partition.manifest("export", first.digest)).unlink()
    assert export_partition(place, SOURCE, Answering(b"\n".join(ROWS)), refresh="new code") == old


@pytest.mark.parametrize("damage", [b"", b"not gzip", None], ids=["empty", "other bytes", "missing"])
def test_a_damaged_earlier_export_does_not_stop_a_refresh(lake: Lake, damage: bytes | None) -> None:
    place = workspace(lake)
    first = export_partition(place, SOURCE, Answering(b"\n".join(ROWS)), refresh="1")
    file = (lake.root or Path()) / first.files[0].key
    file.unlink()
    if damage is not None:
        file.write_bytes(damage)
    second = export_partition(place, SOURCE, Answering(b"\n".join(reversed(ROWS))), refresh="2")
    assert second != first
    assert list(read_lines([(lake.root or Path()) / second.files[0].key])) == list(reversed(ROWS))


@pytest.fixture
def few_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a refresh store the difference, however small the day is."""
    monkeypatch.setattr(compare_exports, "SMALL_LINES", 0)
    monkeypatch.setattr(compare_exports, "MOST_CHANGED", 0.5)


def refreshed(place: Workspace, name: str, *lines: bytes) -> Manifest:
    return export_partition(place, SOURCE, Answering(b"\n".join(lines)), refresh=name)


MANY = [line(event(**{"$insert_id": f"m-{n}"})) for n in range(10)]


@pytest.mark.parametrize("line_bytes", [2**20, 0], ids=["lines in memory", "lines read again"])
def test_a_refresh_stores_the_different_lines_and_counts_the_day(
    lake: Lake, tmp_path: Path, few_differ: None, line_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_digests, "_MOST_LINE_BYTES", line_bytes)
    ticks = itertools.count(LATER.timestamp())
    place = workspace(lake, clock=Clock(seconds=lambda: next(ticks)))
    first = refreshed(place, "1", *MANY)
    later = [MANY[3], *MANY[5:], b"no event", *MANY[:3], ROWS[0]]
    found = refreshed(place, "2", *later)
    assert found.delta is not None
    assert found.delta.base == first.digest
    assert (found.rows, found.rows_in_files, found.counts) == (11, 2, {"exported": 10, "not_events": 1})
    assert found.delta.without is not None
    assert found.delta.without.rows == 1
    assert sorted(read_day(place, found, tmp_path)) == sorted(later)
    assert refreshed(place, "3", *later[3:], *later[:3]) == found, "the same lines in any order"
    assert refreshed(place, "4", *MANY[::-1]) == first, "as it was before"
    third = refreshed(place, "5", *later, ROWS[1])
    assert third.delta is not None
    assert third.delta.base == first.digest, "never based on a delta"
    whole = refreshed(place, "6", *ROWS, *MANY[:2])
    assert whole.delta is None, "too much differs"
    newest = refreshed(place, "7", *ROWS, *MANY[:3])
    assert newest.delta is not None
    assert newest.delta.base == whole.digest, "the newest whole export"


def test_two_concurrent_refreshes_with_the_same_lines_are_one(
    lake: Lake, few_differ: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = workspace(lake)
    refreshed(place, "1", *MANY)
    found = refreshed(place, "2", *MANY, *ROWS[:2])
    find = Workspace.find_output

    def too_early(self: Workspace, *arguments: Any, **options: Any) -> Output:
        """As if the other run had not published it yet."""
        return replace(find(self, *arguments, **options), manifest=None)

    monkeypatch.setattr(Workspace, "find_output", too_early)
    assert refreshed(place, "3", ROWS[1], *MANY, ROWS[0]) == found


def test_an_export_with_a_changed_base_is_not_read(lake: Lake, tmp_path: Path, few_differ: None) -> None:
    place = workspace(lake)
    base = refreshed(place, "1", *MANY)
    found = refreshed(place, "2", *MANY[1:])
    ((lake.root or Path()) / base.files[0].key).write_bytes(gzip.compress(b"\n".join(MANY[1:])))
    with pytest.raises(BadManifest, match="differs from its manifest"):
        list(read_day(place, found, tmp_path))


def test_a_day_with_a_missing_base_is_exported_again_when_it_is_read(lake: Lake, few_differ: None) -> None:
    place = workspace(lake)
    base = refreshed(place, "1", *MANY)
    found = refreshed(place, "2", *MANY, ROWS[0])
    ((lake.root or Path()) / base.files[0].key).unlink()
    assert not place.has_files(found)
    again = export_partition(place, SOURCE, Answering(b"\n".join([*MANY, ROWS[0]])), with_files=True)
    assert (again.delta, again.rows, place.has_files(again)) == (None, 11, True)
