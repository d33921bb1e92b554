"""Great Expectations, as this project uses it: values in a frame, expectations in a suite, one run."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import Any

from include.quality.checks import Check
from include.quality.constraints import JSON_SCHEMA, cannot_check

# At INFO it tells two hundred lines of its own before the sentence that a red task's log begins with.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
# This one sets its own level when it is imported, which a filter outlives.
logging.getLogger("great_expectations.data_context.types.base").addFilter(
    lambda record: record.levelno >= logging.WARNING
)


@dataclass(frozen=True)
class ExpectationInput:
    """A check, and the values that it is about."""

    check: Check
    values: list[Any]


def run(questions: list[ExpectationInput], complete: bool) -> list[list[int]]:
    """Run one suite on one frame: of each question the positions of the values that fail it.

    The questions' values are equally many. Without ``complete`` a question that fails has the position 0 alone.

    Raises:
        ValidationBroken: an expectation could not be checked.
    """
    import great_expectations as gx
    import pandas as pd

    columns = {f"c{n}": pd.Series(item.values, dtype=object) for n, item in enumerate(questions)}
    suite = gx.ExpectationSuite(
        name="xdm",
        # Not added to the context, which would write it again for every expectation, and read it back as text.
        expectations=[_expectation(item.check, n) for n, item in enumerate(questions)],
    )
    form = {"result_format": "COMPLETE", "exclude_unexpected_values": True} if complete else "BOOLEAN_ONLY"
    batch = _rows().get_batch(batch_parameters={"dataframe": pd.DataFrame(columns)})
    found: list[list[int]] = [[] for _ in questions]
    answered = set()
    for outcome in batch.validate(suite, result_format=form).results:
        number = outcome.expectation_config.meta["question"]
        if _raised(outcome.exception_info):
            raise cannot_check(questions[number].check.name, questions[number].check.constraint)
        answered.add(number)
        if not outcome.success:
            found[number] = list(map(int, outcome.result["unexpected_index_list"])) if complete else [0]
    if len(answered) != len(questions):
        unanswered = questions[min(set(range(len(questions))) - answered)].check
        raise cannot_check(unanswered.name, unanswered.constraint)
    return found


def load() -> None:
    """Import Great Expectations and set it up, which takes two seconds of processor time; once for each process."""
    _rows()


@cache
def _rows() -> Any:
    """Where Great Expectations finds a data frame that it is given: the same place for every suite of a process."""
    import great_expectations as gx

    import include.quality.json_schema_expectation  # noqa: F401 - registers its metric

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("partition")
    return source.add_dataframe_asset("values").add_batch_definition_whole_dataframe("values")


def _raised(info: Any) -> bool:
    """Whether GX caught an exception; it tells so at the top or, for a metric, one level down under the metric's id."""
    if not isinstance(info, dict):
        return False
    return any(
        part.get("raised_exception", False) for part in (info, *info.values()) if isinstance(part, dict)
    )


def _expectation(check: Check, number: int) -> Any:
    import great_expectations.expectations as gxe

    from include.quality.json_schema_expectation import ExpectColumnValuesToFitJsonSchema, validator

    factory: Any = (
        ExpectColumnValuesToFitJsonSchema if check.gx_type == JSON_SCHEMA else getattr(gxe, check.gx_type)
    )
    try:
        if check.gx_type == JSON_SCHEMA:
            validator(check.kwargs["json_schema"])
        return factory(column=f"c{number}", meta={"question": number}, **check.kwargs)
    except ValueError:  # a limit or a pattern that is none
        raise cannot_check(check.name, check.constraint) from None
