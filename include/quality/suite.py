"""Check the expectations on rows with Great Expectations (GX), in two passes, so that the cost is linear.

The first pass (:class:`Screen`) checks samples of the values of each view (``include.quality.sample``), once for the
partition: expectations that the samples pass are met by every row. The second pass (:func:`failing_rows`) checks only
the other expectations, on the distinct values of each chunk of rows, to find the rows that fail.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate, groupby, islice
from typing import TYPE_CHECKING

from include.quality.checks import Check, merged_checks, single_checks
from include.quality.constraints import BETWEEN, LENGTHS, NOT_NULL
from include.quality.expectation_spec import ExpectationSpec
from include.quality.gx import ExpectationInput, run_suite
from include.quality.sample import DistinctSample, ExtremesSample, LengthSample, PresenceSample, Sample
from include.quality.view import RowChunk, View

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FRAME_COLUMNS = 16
"""The number of columns of a frame: GX copies the frame for every expectation, and takes a millisecond for a frame."""

_MAX_SAMPLES_BYTES, _SMALL_SAMPLE_BYTES = 128 * 1024 * 1024, 64 * 1024
"""If all samples together exceed the first limit, samples above the second one are checked and started again."""
_URI_REFERENCE_KWARGS = {"json_schema": '{"format": "uri-reference"}', "is_json": False}
_SEGMENT = r"\A[A-Za-z0-9_~-]+\z"
"""A path segment of unreserved characters is a relative reference (RFC 3986, 4.2); every ``_id`` is one."""


class Screen:
    """The first pass over a partition's rows: finds the expectations that some row may fail.

    ``specs``: the expectations. The caller adds all rows, one chunk at a time, and then calls :meth:`failed`.
    """

    def __init__(self, specs: Sequence[ExpectationSpec]) -> None:
        self._open = [(check, _new_sample(check)) for check in merged_checks(specs)]
        self._failed: set[int] = set()

    @property
    def views(self) -> set[View]:
        """The views whose values the caller must add; expectations that have already failed need no more values."""
        return {check.view for check, _ in self._open}

    def add(self, chunk: RowChunk, views: Collection[View]) -> None:
        """Add the values of ``views`` in the next rows.

        Raises:
            ValidationBroken: an expectation could not be checked.
        """
        for check, sample in self._open:
            if check.view in views:
                sample.add(chunk.values_of(check.view).values)
        is_full = sum(sample.size_bytes for _, sample in self._open) > _MAX_SAMPLES_BYTES
        if full := [
            (check, sample)
            for check, sample in self._open
            if sample.is_full or (is_full and sample.size_bytes > _SMALL_SAMPLE_BYTES)
        ]:
            self._check_samples(full)
            again = {id(sample) for _, sample in full}
            self._open = [
                (check, _new_sample(check) if id(sample) in again else sample)
                for check, sample in self._open
                if not self._failed & set(check.specs)
            ]

    def failed(self) -> set[int]:
        """Return the positions, in ``specs``, of the expectations that some row may fail.

        If expectations were merged into one check that fails, all of them are returned.

        Raises:
            ValidationBroken: an expectation could not be checked.
        """
        self._check_samples(self._open)
        self._open = []
        return self._failed

    def _check_samples(self, samples: list[tuple[Check, Sample]]) -> None:
        inputs = [ExpectationInput(check, sample.values()) for check, sample in samples]
        for item, failing in zip(inputs, failures(inputs), strict=True):
            if failing:
                self._failed.update(item.check.specs)


def failing_rows(
    chunk: RowChunk, specs: Sequence[ExpectationSpec], numbers: Iterable[int]
) -> dict[int, npt.NDArray[np.int64]]:
    """Find the rows of a chunk that fail expectations.

    Args:
        chunk: the rows.
        specs: all expectations.
        numbers: the positions, in ``specs``, of the expectations to check.

    Returns:
        The positions of the failing rows in the chunk, ascending, by the position of the expectation. Expectations that
        all rows pass are left out.

    Raises:
        ValidationBroken: an expectation could not be checked.
    """
    import numpy as np

    checks = single_checks(specs, numbers)
    encoded = {
        view: chunk.values_of(view).values.dictionary_encode() for view in {check.view for check in checks}
    }
    values = {view: array.dictionary.to_pylist() for view, array in encoded.items()}
    inputs = [
        ExpectationInput(check, [value or None for value in values[check.view]] if check.gx_type == NOT_NULL else values[check.view])
        for check in checks
    ]  # fmt: skip
    found = {}
    for item, failing in zip(inputs, failures(inputs, complete=True), strict=True):
        if failing:
            codes = encoded[item.check.view].indices.to_numpy()
            (number,) = item.check.specs
            found[number] = np.unique(chunk.values_of(item.check.view).rows()[np.isin(codes, failing)])
    return found


def failures(inputs: Sequence[ExpectationInput], *, complete: bool = False) -> list[list[int]]:
    """Check values with GX.

    Checks with equal requirements, such as the range of an integer for several columns, are run as one check.

    Args:
        inputs: the checks with their values.
        complete: whether all failing values are returned. If False, possibly only some of them.

    Returns:
        For each input, the positions of the values that fail; an empty list if all pass.

    Raises:
        ValidationBroken: an expectation could not be checked.
    """
    equal: dict[str, list[int]] = defaultdict(list)
    for number, item in enumerate(inputs):
        equal[item.check.requirement].append(number)
    groups = list(equal.values())
    together = [
        ExpectationInput(inputs[group[0]].check, [v for number in group for v in inputs[number].values])
        for group in groups
    ]
    outcomes = _run_checks(together, complete)
    if not complete:  # a failing group does not show which of its inputs fail, so it is checked again
        again = [place for place, failing in enumerate(outcomes) if failing and len(groups[place]) > 1]
        exact = _run_checks([together[place] for place in again], complete=True)
        outcomes = [*outcomes]
        for place, failing in zip(again, exact, strict=True):
            outcomes[place] = failing
    found: list[list[int]] = [[] for _ in inputs]
    for group, failing in zip(groups, outcomes, strict=True):
        if failing:
            ends = list(accumulate(len(inputs[number].values) for number in group))
            for position in failing:
                place = bisect_right(ends, position)
                found[group[place]].append(position - (ends[place - 1] if place else 0))
    return found


def _run_checks(inputs: Sequence[ExpectationInput], complete: bool) -> list[list[int]]:
    """Run each check once, in frames; return the positions of the values that fail, as :func:`failures` does."""
    found: list[list[int]] = [[] for _ in inputs]
    for numbers in _frames(inputs):
        for number, failing in zip(numbers, run_suite([inputs[n] for n in numbers], complete), strict=True):
            found[number] = failing
    return found


def _frames(inputs: Sequence[ExpectationInput]) -> Iterator[list[int]]:
    """Yield the positions of the inputs of each GX frame. All columns of a frame have the same number of values."""
    some = (number for number, item in enumerate(inputs) if item.values)
    by_length = sorted(some, key=lambda number: len(inputs[number].values))
    for _, same in groupby(by_length, key=lambda number: len(inputs[number].values)):
        while numbers := list(islice(same, _FRAME_COLUMNS)):
            yield numbers


def _new_sample(check: Check) -> Sample:
    """Return an empty sample of the kind that decides a check exactly."""
    if check.kwargs == _URI_REFERENCE_KWARGS:
        return DistinctSample(_SEGMENT)
    if check.gx_type == NOT_NULL:
        return PresenceSample()
    if check.gx_type == BETWEEN:
        return ExtremesSample()
    return LengthSample() if check.gx_type == LENGTHS else DistinctSample()
