"""Call Great Expectations (GX); no other module creates GX suites or runs them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from include.quality.checks import Check
from include.quality.constraints import JSON_SCHEMA, cannot_check
from include.quality.deferred_import import defer_import

if TYPE_CHECKING:  # Great Expectations is imported by the processes that validate
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.expectations.expectation import Expectation

# At level INFO, GX writes 200 lines into a task's log.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
# GX sets the level of this logger when it is imported, so a filter is used instead.
logging.getLogger("great_expectations.data_context.types.base").addFilter(
    lambda record: record.levelno >= logging.WARNING
)


def _load_statistics() -> ModuleType:
    import scipy.stats  # type: ignore[import-untyped]

    module: ModuleType = scipy.stats
    return module


def _load_charts() -> ModuleType:
    import altair

    return altair


_UNUSED = {"scipy.stats": _load_statistics, "altair": _load_charts}
"""Modules that GX imports and this project does not use, with functions that import them.

They take a third of the time of GX's import, so they are imported only if GX uses them.
"""


@dataclass(frozen=True)
class ExpectationInput:
    """A check together with the values that GX has to check."""

    check: Check
    values: list[object]


def run_suite(inputs: list[ExpectationInput], complete: bool) -> list[list[int]]:
    """Run one GX suite on one pandas frame.

    Args:
        inputs: the checks with their values; all of them have the same number of values.
        complete: whether all values that fail are returned. If False, GX is faster.

    Returns:
        For each input, the positions of the values that fail; without ``complete``, only ``[0]`` if any value fails.

    Raises:
        ValidationBroken: an expectation could not be checked.
    """
    load_great_expectations()
    import great_expectations as gx
    import pandas as pd

    columns = {f"c{n}": pd.Series(item.values, dtype=object) for n, item in enumerate(inputs)}
    suite = gx.ExpectationSuite(
        name="xdm",
        # Not added to the context, which would write it again for every expectation and read it back as text.
        expectations=[_expectation(item.check, n) for n, item in enumerate(inputs)],
    )
    form = {"result_format": "COMPLETE", "exclude_unexpected_values": True} if complete else "BOOLEAN_ONLY"
    batch = _batch_definition().get_batch(batch_parameters={"dataframe": pd.DataFrame(columns)})
    found: list[list[int]] = [[] for _ in inputs]
    checked = set()
    for outcome in batch.validate(suite, result_format=form).results:
        number = outcome.expectation_config.meta["item"]
        if _has_exception(outcome.exception_info):
            raise cannot_check(inputs[number].check.name, inputs[number].check.constraint)
        checked.add(number)
        if not outcome.success:
            found[number] = list(map(int, outcome.result["unexpected_index_list"])) if complete else [0]
    if len(checked) != len(inputs):
        unchecked = inputs[min(set(range(len(inputs))) - checked)].check
        raise cannot_check(unchecked.name, unchecked.constraint)
    return found


def load_great_expectations() -> None:
    """Import Great Expectations and configure it, once in each process; it takes over a second of CPU time."""
    _batch_definition()


@cache
def _batch_definition() -> BatchDefinition:
    """Return the GX object to which a pandas frame is passed; all suites of a process share it."""
    for name, importer in _UNUSED.items():
        defer_import(name, importer)
    import great_expectations as gx

    import include.quality.json_schema_expectation  # noqa: F401 - registers its metric

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("partition")
    return source.add_dataframe_asset("values").add_batch_definition_whole_dataframe("values")


def _has_exception(info: object) -> bool:
    """Return whether the ``exception_info`` of a GX result reports an exception.

    GX reports it at the top level of the object or, for a metric, under the metric's id.
    """
    if not isinstance(info, dict):
        return False
    return any(
        part.get("raised_exception", False) for part in (info, *info.values()) if isinstance(part, dict)
    )


def _expectation(check: Check, number: int) -> Expectation:
    """Return the GX expectation of a check on the column ``c<number>``.

    Raises:
        ValidationBroken: an argument is invalid, such as a pattern that is not a regular expression.
    """
    import great_expectations.expectations as gxe

    from include.quality.json_schema_expectation import ExpectColumnValuesToFitJsonSchema, validator

    factory: type[Expectation] = (
        ExpectColumnValuesToFitJsonSchema if check.gx_type == JSON_SCHEMA else getattr(gxe, check.gx_type)
    )
    try:
        if check.gx_type == JSON_SCHEMA:
            validator(check.kwargs["json_schema"])
        return factory(column=f"c{number}", meta={"item": number}, **check.kwargs)
    except ValueError:
        raise cannot_check(check.name, check.constraint) from None
