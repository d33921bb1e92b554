"""Search for the existing name that is most similar to an unknown name, for suggestions in error messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from difflib import SequenceMatcher

_COMPARED = 12
_CUTOFF = 0.4


class NameIndex:
    """An index of names by their trigrams, so that a search compares only the best candidates exactly."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._sizes: list[int] = []
        self._by_piece: dict[str, list[int]] = {}
        for number, name in enumerate(self.names):
            pieces = _pieces(name)
            self._sizes.append(len(pieces))
            for piece in pieces:
                self._by_piece.setdefault(piece, []).append(number)

    def nearest(self, name: str) -> str | None:
        """Return the indexed name that is most similar to ``name``, or None if no indexed name is similar."""
        pieces = _pieces(name)
        shared: Counter[int] = Counter()
        for piece in pieces:
            shared.update(self._by_piece.get(piece, ()))
        ranked = sorted(
            shared, key=lambda number: (-2 * shared[number] / (self._sizes[number] + len(pieces)), number)
        )
        matcher = SequenceMatcher(b=name)
        best, ratio = None, _CUTOFF
        for number in ranked[:_COMPARED]:
            matcher.set_seq1(self.names[number])
            if (found := matcher.ratio()) > ratio:
                best, ratio = self.names[number], found
        return best


def _pieces(name: str) -> set[str]:
    padded = f"^{name.lower()}$"
    return {padded[at : at + 3] for at in range(len(padded) - 2)}
