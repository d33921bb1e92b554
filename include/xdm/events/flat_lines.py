"""Find the positions of the values in flat lines with numpy, without parsing each value.

A line is *flat* if it is written as Mixpanel writes an event without arrays and objects: ``event`` first, no white
space, numbers of at most 18 digits without an exponent, and only those escapes that JSON requires. Between the quotes
of such lines there are only ``:``, ``,``, braces and values without quotes, so the characters on both sides of each
quote show whether a line is flat. ``block_lines`` reads all other lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.mixpanel.byte_places import sparse_flatnonzero
from include.xdm.convert.arrow_arrays import gather_texts, is_utf8
from include.xdm.events.flat_kinds import UNKNOWN, bare_values
from include.xdm.events.line_parser import LINE_LIMIT_BYTES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.xdm.convert.arrow_arrays import Flags, Integers

_NEWLINE, _SPACE, _QUOTE, _COMMA, _COLON, _CLOSING, _BACKSLASH = b'\n ",:}\\'
_START = b'{"event":"'
_MIDDLE = b',"properties":{"'
_ESCAPES = b'"\\bfnrt'


@dataclass(frozen=True)
class Members:
    """The positions of the members ``"name":value`` of the properties in flat lines, one array item for each member.

    ``row``: the index of its line in ``FlatLines``; ``name``: the index of its name in ``FlatLines.names``; ``first``:
    the offset of its name's quote; ``start``, ``stop``: the offsets of its value with quotes; ``kind``: see
    ``flat_kinds``; ``number``: the value of an ``INTEGER``; ``escaped``: whether a string has escapes.
    """

    row: Integers
    name: Integers
    first: Integers
    start: Integers
    stop: Integers
    kind: npt.NDArray[np.uint8]
    number: Integers
    escaped: Flags

    def only(self, chosen: Integers | Flags | slice) -> Members:
        """Return the members that ``chosen`` selects: indexes, a slice, or one boolean per member."""
        return Members(*(getattr(self, name)[chosen] for name in Members.__dataclass_fields__))


@dataclass(frozen=True)
class FlatLines:
    """The flat lines of a block (``data``), with the offsets of their values.

    ``total``: the number of lines in the block; ``line_indexes``: the indexes of these lines in the block;
    ``event_starts``, ``event_ends``: the offsets of the events' names without quotes; ``names``: the names of all
    properties; ``by_name``: the indexes of ``members``, by name.
    """

    data: bytes
    total: int
    line_indexes: Integers
    event_starts: Integers
    event_ends: Integers
    names: list[str]
    members: Members
    by_name: Integers

    def only(self, chosen: Flags) -> FlatLines:
        """Return the flat lines for which ``chosen``, one boolean per line, is true."""
        import numpy as np

        kept = chosen[self.members.row]
        members = self.members.only(kept)
        members.row[:] = (np.cumsum(chosen) - 1)[members.row]
        by_name = (np.cumsum(kept) - 1)[self.by_name[kept[self.by_name]]]
        events = self.event_starts[chosen], self.event_ends[chosen]
        return FlatLines(
            self.data, self.total, self.line_indexes[chosen], *events, self.names, members, by_name
        )

    def other_lines(self) -> list[int]:
        """Return the indexes of the block's lines that are not in this object."""
        import numpy as np

        is_other = np.ones(self.total, bool)
        is_other[self.line_indexes] = False
        return is_other.nonzero()[0].tolist()


def find_flat_lines(data: bytes) -> FlatLines | None:
    """Return the flat lines of a block, or None if no line is flat. ``data``: lines that each end in a newline."""
    return _Finder(data).find() if is_utf8(data) else None


class _Finder:
    """The search for the flat lines of a block, which ``find`` returns.

    ``chars``: the bytes; ``starts``, ``ends``: the offsets of the lines; ``good``: for each line whether it may be
    flat. Offsets are numpy's native integers: others would be converted at each use as an index.
    """

    def __init__(self, data: bytes) -> None:
        import numpy as np

        self.data = data
        self.chars = np.frombuffer(data, np.uint8)
        controls = sparse_flatnonzero(self.chars < _SPACE)
        is_end = self.chars[controls] == _NEWLINE
        self.ends = controls[is_end]
        self.starts = np.append(0, self.ends[:-1] + 1)
        lengths = self.ends - self.starts
        # The characters read around a quote are inside the line.
        self.good = (lengths > len(_START) + len(_MIDDLE) + 4) & (lengths <= LINE_LIMIT_BYTES)
        self._mark_not_flat(controls[~is_end])

    def find(self) -> FlatLines | None:
        import numpy as np

        quotes, escapes = self._quotes()
        bounds = np.append(np.searchsorted(quotes, self.starts), len(quotes))
        counts = np.diff(bounds)
        self.good &= (counts % 2 == 0) & (counts >= 6)
        if self.good.any():
            self.good[self.good] = self._begins_well(quotes[bounds[:-1][self.good] + 3])
        if not self.good.any():
            return None
        if not self.good.all():
            escapes = escapes[self.good[np.searchsorted(self.ends, escapes)]]
            quotes, counts = quotes[np.repeat(self.good, counts)], counts[self.good]
        return self._lines(quotes[0::2].copy(), quotes[1::2].copy(), counts // 2, escapes)

    def _quotes(self) -> tuple[Integers, Integers]:
        """Return the offsets of strings' quotes, and of backslashes; mark lines with unusual escapes as not flat."""
        import numpy as np

        chars = self.chars
        is_quote = chars == _QUOTE
        if b"\\" not in self.data:
            return np.flatnonzero(is_quote), np.empty(0, np.int64)
        escapes = sparse_flatnonzero(chars == _BACKSLASH)
        escaped = chars[escapes + 1]
        # With two backslashes in a row, the neighbours do not show which character is escaped.
        is_odd = (escaped == _BACKSLASH) | ~np.isin(escaped, np.frombuffer(_ESCAPES, np.uint8))
        self._mark_not_flat(escapes[is_odd])
        is_quote[escapes[escaped == _QUOTE] + 1] = False
        return np.flatnonzero(is_quote), escapes

    def _mark_not_flat(self, places: Integers) -> None:
        """Mark the lines that contain these byte offsets as not flat."""
        import numpy as np

        self.good[np.searchsorted(self.ends, places)] = False

    def _begins_well(self, event_ends: Integers) -> Flags:
        """Return for each good line whether it begins as Mixpanel writes an event, up to its first property's name.

        ``event_ends``: the offset of its fourth quote, which ends the event's name.
        """
        import numpy as np

        good: Flags = event_ends + len(_MIDDLE) < self.ends[self.good]
        # Eight bytes at each place, as one number.
        words = np.ndarray(len(self.chars) - 7, "<u8", self.data, 0, (1,))
        for places, text in ((self.starts[self.good], _START), (np.where(good, event_ends + 1, 0), _MIDDLE)):
            for place in (0, len(text) - 8):
                good &= words[places + place] == int.from_bytes(text[place : place + 8], "little")
        return good

    def _lines(
        self, opening: Integers, closing: Integers, strings: Integers, escapes: Integers
    ) -> FlatLines | None:
        """Check the members of the good lines; return the flat lines, or None if no line is flat.

        ``opening``, ``closing``: the offsets of the quotes around strings in good lines; ``strings``: the number of
        strings in each good line; ``escapes``: the offsets of backslashes.
        """
        import numpy as np

        firsts = np.cumsum(strings) - strings
        is_name = self.chars.take(closing + 1) == _COLON
        is_name[firsts] = is_name[firsts + 2] = False
        names = np.flatnonzero(is_name)
        if not len(names):
            return None
        # The members of a line are those between its bound and the next line's.
        bounds = np.append(np.searchsorted(names, firsts), len(names))
        found = bounds[1:] > bounds[:-1]
        found[found] = names[bounds[:-1][found]] == firsts[found] + 3
        first, end = opening.take(names), closing.take(names)
        good, is_text, stop = self._check_members(
            closing, first, end, names, bounds[1:][found] - 1, firsts + strings, found
        )
        escaped = np.zeros(len(opening) + 1, bool)
        if len(escapes):
            escaped[np.searchsorted(opening, escapes) - 1] = True
            good &= ~escaped[names]
            found &= ~escaped[firsts + 1]
        kind, number = self._kinds(end + 2, stop, is_text, good)
        name, texts = _index_texts(self.data, first + 1, end)
        row = np.repeat(np.arange(len(strings)), np.diff(bounds))
        by_name = np.argsort(name.astype(np.uint16 if len(texts) < 2**16 else np.int32), kind="stable")
        found[row[~good]] = False
        keys = (row * len(texts) + name)[by_name]
        found[row[by_name[1:][keys[1:] == keys[:-1]]]] = False  # a duplicate name
        is_escaped = is_text & escaped[names + 1]
        made = FlatLines(
            self.data, len(self.ends), np.flatnonzero(self.good), opening[firsts + 1] + 1, closing[firsts + 1], texts,
            Members(row, name, first, end + 2, stop, kind, number, is_escaped), by_name,
        )  # fmt: skip
        if found.all():
            return made
        return made.only(found) if found.any() else None

    def _check_members(
        self,
        closing: Integers,
        first: Integers,
        end: Integers,
        names: Integers,
        last: Integers,
        nexts: Integers,
        found: Flags,
    ) -> tuple[Flags, Flags, Integers]:
        """Return for each member whether it is well formed, whether its value is a string, and where its value ends.

        ``closing``: the offsets of strings' last quotes; ``names``: the indexes of strings that are names; ``first``,
        ``end``: the offsets of their quotes; ``last``: the index of the last member of each line in ``found``;
        ``nexts``: the index of the first string after each line.
        """
        import numpy as np

        chars = self.chars
        is_text = chars.take(end + 2) == _QUOTE
        stop = np.append(first[1:] - 1, 0)
        stop[last] = self.ends[self.good][found] - 2
        strings = np.append(names[1:], 0)
        strings[last] = nexts[found]
        strings -= names
        # A text is the string after the name, and the next name follows each value.
        good = strings == is_text + np.int64(1)
        good &= ~is_text | (closing.take(names + 1, mode="clip") + 1 == stop)
        after = chars.take(stop)
        good[last] &= (after[last] == _CLOSING) & (chars[stop[last] + 1] == _CLOSING)
        after[last] = _COMMA
        return good & (after == _COMMA), is_text, stop

    def _kinds(
        self, start: Integers, stop: Integers, is_text: Flags, good: Flags
    ) -> tuple[npt.NDArray[np.uint8], Integers]:
        """Return the kind of each value, and its number if it is an ``INTEGER``; mark ``UNKNOWN`` ones as not good."""
        import numpy as np

        kind = np.zeros(len(start), np.uint8)  # TEXT
        number = np.zeros(len(start), np.int64)
        good &= stop > start
        bare = np.flatnonzero(good & ~is_text)
        if len(bare):
            kinds, number[bare] = bare_values(self.data, start[bare], stop[bare])
            kind[bare] = kinds
            good[bare[kinds == UNKNOWN]] = False
        return kind, number


def _index_texts(data: bytes, starts: Integers, stops: Integers) -> tuple[Integers, list[str]]:
    """Return the index of each text in the list of distinct texts, and this list."""
    found = gather_texts(data, starts, stops).dictionary_encode()
    return found.indices.to_numpy().astype("int64"), found.dictionary.to_pylist()
