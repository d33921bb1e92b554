"""Convert expectations to checks, the form in which Great Expectations (GX) runs them.

Several expectations on the same values are merged into one check with the same meaning where possible, because GX takes
milliseconds for each.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from include.quality.constraints import BETWEEN, JSON_SCHEMA, LENGTHS, NOT_NULL, GxArguments
from include.quality.expectation_spec import ExpectationSpec
from include.quality.view import View


@dataclass(frozen=True)
class Check:
    """One GX expectation on the values of a view.

    Attributes:
        view: the values that are checked.
        gx_type: the name of the GX expectation's class.
        kwargs: the arguments of that class.
        specs: the positions of the ``ExpectationSpec``s that this check covers, in the list that the caller passed.
        name: the name of the field in an error.
        constraint: the constraint of the first of these expectations, for an error.
    """

    view: View
    gx_type: str
    kwargs: GxArguments
    specs: tuple[int, ...]
    name: str
    constraint: str

    @property
    def requirement(self) -> str:
        """The GX class and its arguments as a text, which is equal for checks that require the same of their values."""
        return f"{self.gx_type} {json.dumps(self.kwargs, sort_keys=True, default=repr)}"


def single_checks(specs: Sequence[ExpectationSpec], numbers: Iterable[int]) -> list[Check]:
    """Return one check for each of the expectations at the positions ``numbers`` in ``specs``, in that order."""
    return [_check(specs[number], number) for number in sorted(numbers)]


def merged_checks(specs: Sequence[ExpectationSpec]) -> list[Check]:
    """Return checks that pass if and only if all expectations pass, with as many expectations merged as possible."""
    merged: dict[tuple[View, str], list[Check]] = defaultdict(list)
    for number, spec in enumerate(specs):
        check = _check(spec, number)
        those = merged[check.view, check.gx_type]
        for place, other in enumerate(those):
            if (both := _merge_two(other, check)) is not None:
                those[place] = both
                break
        else:
            those.append(check)
    return [check for checks in merged.values() for check in checks]


def _check(spec: ExpectationSpec, number: int) -> Check:
    return Check(spec.view, spec.gx_type, spec.kwargs, (number,), spec.name, spec.constraint)


def _merge_two(first: Check, second: Check) -> Check | None:
    """Return one check that is equivalent to two checks of the same view and GX class, or None if impossible."""
    kwargs: GxArguments | None = None
    if first.gx_type == NOT_NULL:
        kwargs = {}
    elif first.gx_type in (BETWEEN, LENGTHS):
        kwargs = _merge_ranges(first.kwargs, second.kwargs)
    elif first.gx_type == JSON_SCHEMA:
        one, other = (json.loads(check.kwargs["json_schema"]) for check in (first, second))
        if not one.keys() & other.keys():
            kwargs = {**first.kwargs, "json_schema": json.dumps({**one, **other}, sort_keys=True)}
    if kwargs is None:
        return None
    return Check(first.view, first.gx_type, kwargs, first.specs + second.specs, first.name, first.constraint)


def _merge_ranges(one: GxArguments, other: GxArguments) -> GxArguments | None:
    """Combine a lower limit and an upper limit into one range; return None if that is not possible.

    It is not possible for two lower limits, or for an empty range, which GX refuses.
    """
    both = {**one, **other}
    if one.keys() & other.keys() or not {"min_value", "max_value"} <= both.keys():
        return None
    return both if both["min_value"] <= both["max_value"] else None
