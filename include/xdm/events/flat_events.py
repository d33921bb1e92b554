"""Compute ``_id``, instant and the other inputs of a row for the events of flat lines, many events at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.xdm.convert.arrow_arrays import gather_texts, numbers
from include.xdm.events.event_id import BEFORE_MERGE, MERGE_MARKS, NOT_CONTENT
from include.xdm.events.event_parser import ENOUGH_EVIDENCE, EventParser, distinct_id_as_ingested, string_of
from include.xdm.events.event_rows import EventRows, EvidenceLog
from include.xdm.events.flat_kinds import INTEGER, NULL, TEXT
from include.xdm.events.flat_lines import FlatLines, Members, find_flat_lines
from include.xdm.events.flat_properties import FlatProperties
from include.xdm.events.text_numbers import Texts

if TYPE_CHECKING:
    import pyarrow as pa

    from include.xdm.convert.arrow_arrays import Flags, Integers

_BACKSLASH, _DELETE = b"\\\x7f"
_SPACE = 32


@dataclass
class FlatReader:
    """A reader of the flat lines of a block (``flat_lines``), with the same results as ``EventParser``.

    ``event_parser``: has the settings, and receives the counts; ``log``: records the times of live events; ``low``,
    ``high``: ``time`` has to be at least ``low`` and below ``high``; ``offset_ms``: the wall-clock time's offset from
    UTC.
    """

    event_parser: EventParser
    log: EvidenceLog
    low: int
    high: int
    offset_ms: int

    def read(self, block: bytes, first_line: int) -> tuple[EventRows, list[int]] | None:
        """Return the events of flat lines with ordinary times and ids, and the indexes of all other lines.

        Return None without such events.
        """
        lines = find_flat_lines(block)
        if lines is None:
            return None
        properties = FlatProperties(lines)
        ordinary = self._ordinary(lines, properties)
        if not ordinary.any():
            return None
        if not ordinary.all():
            lines = lines.only(ordinary)
            properties = FlatProperties(lines)
        return self._rows(properties, first_line), lines.other_lines()

    def _rows(self, properties: FlatProperties, first_line: int) -> EventRows:
        import pyarrow as pa

        lines = properties.lines
        members = lines.members
        time = members.number[properties.member_index("time")]
        per_ms = 1 if self.event_parser.time_in_ms else 1000
        wall_ms, seconds = time * per_ms, time * per_ms // 1000
        line_numbers = lines.line_indexes + first_line
        if self.log.rows < ENOUGH_EVIDENCE:
            self._log_evidence(properties, wall_ms, line_numbers)
        self._count_merges(properties)
        names = gather_texts(lines.data, lines.event_starts, lines.event_ends)
        numbered = names.dictionary_encode()
        known = numbered.dictionary.to_pylist()
        events = [known[n] for n in numbered.indices.to_numpy().tolist()]
        self.event_parser.by_event.update(events)
        digits = numbers(seconds).cast(pa.string())
        keys = _Keys(self.event_parser.project_id, properties, names, digits)
        return EventRows(
            line_numbers=line_numbers,
            ids=self._ids(properties, keys, events, seconds),
            timestamps_ms=wall_ms - self.offset_ms,
            wall_seconds=seconds,
            processed_ms=_processed(properties),
            has_insert_id=keys.has_insert_id,
            events=events,
            properties=properties,
            content_digests=_contents(properties, names, digits),
            compaction_texts=keys.compaction_texts,
        )

    def _ids(
        self, properties: FlatProperties, keys: _Keys, events: list[str], seconds: Integers
    ) -> list[bytes]:
        ids = keys.ids()
        for row in (~keys.has_insert_id).nonzero()[0].tolist():
            texts = properties.row(row)
            identity = self.event_parser.compute_id(
                events[row], distinct_id_as_ingested(texts), int(seconds[row]), "", texts
            )
            ids[row] = bytes.fromhex(identity)
        return ids

    def _ordinary(self, lines: FlatLines, properties: FlatProperties) -> Flags:
        """Return for each line whether its time is an integer in the day, and its ids are strings or integers."""
        members = lines.members
        time, insert = properties.member_index("time"), properties.member_index("$insert_id")
        value = members.number[time]
        good: Flags = (
            (time >= 0) & (members.kind[time] == INTEGER) & (self.low <= value) & (value < self.high)
        )
        good &= (insert < 0) | _is_nothing(members, insert) | _are_ids(members, insert)
        for name in ("distinct_id", BEFORE_MERGE):
            if name in properties:
                place = properties.member_index(name)
                good &= (place < 0) | _is_nothing(members, place) | _is_plain_id(lines, place)
        return good

    def _log_evidence(self, properties: FlatProperties, wall_ms: Integers, line_numbers: Integers) -> None:
        """Record the times of live events in ``log``, up to ``ENOUGH_EVIDENCE`` events."""
        if "mp_lib" not in properties:
            return
        members, log = properties.lines.members, self.log
        library, arrival = properties.member_index("mp_lib"), properties.member_index("$mp_api_timestamp_ms")
        live = (library >= 0) & (properties.member_index("$import") < 0)
        live &= (arrival >= 0) & (members.kind[arrival] == INTEGER)
        rows = live.nonzero()[0][: ENOUGH_EVIDENCE - log.rows]
        texts = properties.raw(members.only(library[rows]))
        columns = (line_numbers[rows], wall_ms[rows], members.number[arrival[rows]])
        for number, wall, arrived, text in zip(*(column.tolist() for column in columns), texts, strict=True):
            log.line_number = number
            log.add_event(wall, arrived, string_of(text))

    def _count_merges(self, properties: FlatProperties) -> None:
        """Count events with an identity merge as ``EventParser.count_merge`` does."""
        marks = [properties.member_index(name) >= 0 for name in MERGE_MARKS if name in properties]
        if marks:
            merged = marks[0] | marks[-1]
            count = int((merged & (properties.member_index(BEFORE_MERGE) < 0)).sum())
            if count:
                self.event_parser.counts["merged_without_before"] += count


def _are_ids(members: Members, place: Integers) -> Flags:
    """Return for each member at an index in ``place`` whether its value is an integer or a non-empty string."""
    kind = members.kind[place]
    found: Flags = (kind == TEXT) & (members.stop[place] - members.start[place] > 2)
    found |= kind == INTEGER
    return found


def _is_nothing(members: Members, place: Integers) -> Flags:
    kind = members.kind[place]
    found: Flags = (kind == TEXT) & (members.stop[place] - members.start[place] == 2)
    found |= kind == NULL
    return found


def _is_plain_id(lines: FlatLines, place: Integers) -> Flags:
    """Return whether each value is an integer, or a string whose first character shows that it is not blank."""
    import numpy as np

    members = lines.members
    first = np.frombuffer(lines.data, np.uint8)[members.start[place] + (members.kind[place] == TEXT)]
    found = _are_ids(members, place)
    found &= (first > _SPACE) & (first < _DELETE) & (first != _BACKSLASH)
    return found


def _processed(properties: FlatProperties) -> Integers:
    import numpy as np

    place = properties.member_index("mp_processing_time_ms")
    members = properties.lines.members
    return np.where((place >= 0) & (members.kind[place] == INTEGER), members.number[place], 0)


class _Keys:
    """The texts from which the ``_id`` of each event is hashed (``event_ids``), and its ``compaction_texts``."""

    def __init__(
        self, project_id: int, properties: FlatProperties, events: pa.Array, seconds: pa.Array
    ) -> None:
        import numpy as np
        import pyarrow.compute as pc

        members = properties.lines.members
        distinct = properties.member_index("distinct_id")
        if BEFORE_MERGE in properties:
            before = properties.member_index(BEFORE_MERGE)
            distinct = np.where((before >= 0) & ~_is_nothing(members, before), before, distinct)
        insert = properties.member_index("$insert_id")
        self.has_insert_id = (insert >= 0) & ~_is_nothing(members, insert)
        ids = _contents_of(properties, distinct, (distinct >= 0) & ~_is_nothing(members, distinct))
        inserts = _contents_of(properties, insert, self.has_insert_id)
        keys = pc.binary_join_element_wise(
            f'[{project_id},"', events, '","', ids, '",', seconds, ',"', inserts, '"]', "",
        )  # fmt: skip
        found = Texts.of_array(keys)
        # Slices of bytes are faster than views of short texts.
        self._keys = Texts(bytes(found.data), found.bounds)
        texts = pc.binary_join_element_wise('["', events, '","', ids, '","', inserts, '"]', "")
        self.compaction_texts = Texts.of_array(texts)

    def ids(self) -> list[bytes]:
        """Return the ``_id`` of each event as 32 bytes; it is valid only for events with ``$insert_id``."""
        sha256 = hashlib.sha256
        return [sha256(key).digest() for key in self._keys.split()]


def _contents(properties: FlatProperties, events: pa.Array, seconds: pa.Array) -> bytes:
    """Return the content digests of all events, as ``content_digests`` does."""
    import numpy as np
    import pyarrow.compute as pc

    members = properties.lines.members
    kept = sorted(name for name in properties.members_by_name if name not in NOT_CONTENT)
    by_name = np.concatenate([np.empty(0, np.int64), *(properties.members_by_name[name] for name in kept)])
    row = members.row[by_name]
    order = by_name[np.argsort(row.astype(np.uint16) if properties.rows < 2**16 else row, kind="stable")]
    bodies = pc.fill_null(properties.bodies(order), "}")
    contents = pc.binary_join_element_wise('["', events, '",', seconds, "]{", bodies, "")
    blake2b = hashlib.blake2b
    return b"".join([blake2b(text, digest_size=8).digest() for text in Texts.of_array(contents).split()])


def _contents_of(properties: FlatProperties, place: Integers, is_there: Flags) -> pa.Array:
    """Return for each event one property's value as text; "" where ``is_there`` is false.

    ``place``: for each event, the index of the property among the members of all flat lines.
    """
    import pyarrow.compute as pc

    texts = properties.value_texts[0]
    if is_there.all():
        return texts.take(numbers(2 * place))
    return pc.fill_null(texts.take(numbers(2 * place, is_there)), "")
