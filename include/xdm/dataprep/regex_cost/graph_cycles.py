"""Find the cycles of a directed graph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)
_CLOSED = 1 << 60
"""The index of a state after its component was found; it is larger than any other index."""


def cyclic_components(steps: Mapping[T, Sequence[T]]) -> list[list[T]]:
    """Return the strongly connected components that contain a cycle (Tarjan's algorithm, without recursion).

    ``steps``: the graph, as the successors of each state.
    """
    index: dict[T, int] = {}
    low: dict[T, int] = {}
    place: dict[T, int] = {}
    open_states: list[T] = []
    found: list[list[T]] = []
    for root in steps:
        if root in index:
            continue
        work = [(root, iter(steps[root]))]
        index[root] = low[root] = len(index)
        place[root] = len(open_states)
        open_states.append(root)
        while work:
            state, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == index[state]:
                    component = open_states[place[state] :]
                    del open_states[place[state] :]
                    index.update(dict.fromkeys(component, _CLOSED))
                    if len(component) > 1 or state in steps.get(state, ()):
                        found.append(component)
            elif following not in index:
                index[following] = low[following] = len(index)
                place[following] = len(open_states)
                open_states.append(following)
                work.append((following, iter(steps.get(following, ()))))
            else:
                low[state] = min(low[state], index[following])
    return found
