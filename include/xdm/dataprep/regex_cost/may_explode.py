"""Decide from a regular expression alone whether a backtracking engine may take exponentially long on some text.

It may if a loop can match the same text in two ways, as ``(a+)+`` and ``(a|a)*`` do: after a failure behind the loop,
each way is tried. The characters of the expression are the states of an automaton (Glushkov's); each transition is
counted as often as the expression allows it. A loop is ambiguous if two different paths with the same text begin and
end at the same state.
"""

from __future__ import annotations

import re
import re._constants as code  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections import Counter
from dataclasses import dataclass, field

from include.xdm.dataprep.regex_cost.character_sets import (
    REPEATS,
    SAMPLES,
    Items,
    Operand,
    characters,
    matches,
)
from include.xdm.dataprep.regex_cost.graph_cycles import cyclic_components

_MOST_STATES = 150
_MOST_COPIES = 120
_FEW = 8


@dataclass
class _Part:
    """A part of an expression: the states where a match can begin and end, and whether it matches the empty text.

    The states are counted by the number of ways to begin or end there.
    """

    first: Counter[int] = field(default_factory=Counter)
    last: Counter[int] = field(default_factory=Counter)
    empty: bool = True


class _Automaton:
    def __init__(self, items: Items, *, ignore_case: bool) -> None:
        self.ignore_case = ignore_case
        self.has_empty_turns = False
        self.alphabet = SAMPLES | set(characters(items))
        self.reads: list[frozenset[int]] = []
        self.follow: Counter[tuple[int, int]] = Counter()
        self._sequence(items)

    def _sequence(self, items: Items) -> _Part:
        whole = _Part()
        for kind, value in items:
            part = self._item(kind, value)
            self._join(whole.last, part.first)
            first = whole.first + part.first if whole.empty else whole.first
            last = part.last + whole.last if part.empty else part.last
            whole = _Part(first, last, whole.empty and part.empty)
        return whole

    def _item(self, kind: object, value: Operand) -> _Part:
        if kind in REPEATS:
            return self._repeat(value)
        if kind is code.SUBPATTERN:
            return self._sequence(value[-1])
        if kind is code.ATOMIC_GROUP:
            return self._sequence(value)
        if kind is code.BRANCH:
            parts = [self._sequence(branch) for branch in value[1]]
            first: Counter[int] = sum((part.first for part in parts), Counter())
            last: Counter[int] = sum((part.last for part in parts), Counter())
            return _Part(first, last, any(part.empty for part in parts))
        if kind in (code.LITERAL, code.NOT_LITERAL, code.ANY, code.IN):
            self.reads.append(frozenset(each for each in self.alphabet if self._matches(kind, value, each)))
            state = len(self.reads) - 1
            return _Part(Counter([state]), Counter([state]), empty=False)
        return _Part()  # a lookaround or a back-reference reads no new characters

    def _repeat(self, value: Operand) -> _Part:
        least, most, items = value
        before = len(self.reads)
        part = self._sequence(items)
        states = len(self.reads) - before
        if not states:
            return part
        # If a repetition can match the empty text, the same text can be matched in many ways.
        self.has_empty_turns = self.has_empty_turns or (
            part.empty and least > _FEW and len(self.reads) > before
        )
        if most * states <= _MOST_COPIES:
            return self._copies(part, least, most, items)
        self._join(part.last, part.first)
        return _Part(part.first, part.last, part.empty or least == 0)

    def _copies(self, part: _Part, least: int, most: int, items: Items) -> _Part:
        """Add to ``items`` a part that is repeated ``least`` to ``most`` times, as copies; those after ``least`` are optional."""
        whole = _Part(part.first, part.last, part.empty or least == 0)
        before = part
        for number in range(2, most + 1):
            following = self._sequence(items)
            self._join(before.last, following.first)
            if part.empty:
                whole.first = whole.first + following.first
            whole.last = following.last + (whole.last if part.empty or number > least else Counter())
            before = _Part(
                following.first, following.last + (before.last if part.empty else Counter()), part.empty
            )
        return whole

    def _join(self, last: Counter[int], first: Counter[int]) -> None:
        for one, times in last.items():
            for other, more in first.items():
                self.follow[one, other] += times * more

    def _matches(self, kind: object, value: Operand, character: int) -> bool:
        swapped = chr(character).swapcase()
        return matches(kind, value, character) or (
            self.ignore_case and len(swapped) == 1 and matches(kind, value, ord(swapped))
        )

    def is_ambiguous(self) -> bool:
        """Return whether two different paths with the same text lead from a state to itself."""
        steps: dict[int, list[int]] = {}
        for one, other in self.follow:
            steps.setdefault(one, []).append(other)
        found = cyclic_components(steps)
        inside = {state for component in found for state in component}
        if self.has_empty_turns or len(inside) > _MOST_STATES:
            return True
        place = {state: number for number, component in enumerate(found) for state in component}
        if any(
            times > 1 and one in place and place[one] == place.get(other)
            for (one, other), times in self.follow.items()
        ):
            return True
        pairs = {
            (one, two): [
                (next_one, next_two)
                for next_one in steps.get(one, ())
                for next_two in steps.get(two, ())
                if next_one in inside and next_two in inside and self.reads[next_one] & self.reads[next_two]
            ]
            for component in found
            for one in component
            for two in component
        }
        return any(len({one == two for one, two in component}) == 2 for component in cyclic_components(pairs))


def may_explode(pattern: str, flags: int = 0) -> bool:
    """Return whether a match may take exponentially long on some text, or the expression is too large to decide.

    Raises:
        re.error: it is not a regular expression of Python.
    """
    tree = parser.parse(pattern, flags)
    return _Automaton(tree, ignore_case=bool(tree.state.flags & re.IGNORECASE)).is_ambiguous()
