"""The input of an evaluation, and the limits of its cost.

No expression can run for long or fill the memory. ``words`` limits its length and its nesting, this module limits the
steps and the created characters of an evaluation, and ``java_regex`` matches regular expressions in linear time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, bounded
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError
from mixpanel_aep_sandbox.aep.dataprep.language.options import DEFAULT, Options
from mixpanel_aep_sandbox.core.json_types import JsonObject

MOST_STEPS = 100_000
"""Maximum number of evaluated nodes for one value [I]; only expressions with lambdas can reach it."""
MOST_CREATED = 10_000_000
"""Maximum number of characters and items that functions create for one value, in total [I]."""
_MISSING: object = object()


@dataclass
class Scope:
    """What the evaluation of an expression can read, and its cost so far, which is limited.

    Attributes:
        row: The source row.
        now_milliseconds: Returns the current time in epoch milliseconds, for ``now()`` and ``timestamp()``.
        options: How to evaluate where Adobe's documents are silent or contradict each other.
        variables: The values of the parameters of the lambdas that are being evaluated.
        steps: The number of evaluated nodes.
        created: The number of characters and items that functions have created.
    """

    row: JsonObject
    now_milliseconds: Callable[[], int]
    options: Options = DEFAULT
    variables: dict[str, Value] = field(default_factory=dict)
    steps: int = 0
    created: int = 0

    def step(self) -> None:
        """Count the evaluation of a node. Raises EvaluationError above ``MOST_STEPS``."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise EvaluationError(f"The expression takes more than {MOST_STEPS} steps.")

    def count_created(self, value: Value) -> Value:
        """Count the characters or items of a function's result, and return the result.

        Raises:
            EvaluationError: the total is above ``MOST_CREATED``, or the result itself is too large.
        """
        if isinstance(value, (str, list, dict)):
            self.created += len(value)
        if self.created > MOST_CREATED:
            raise EvaluationError(f"The expression makes more than {MOST_CREATED} characters and items.")
        return bounded(value)

    def attribute(self, name: str) -> Value:
        """Return the value of a lambda's parameter or of a row's attribute, by name; None if it is missing [I]."""
        return self.variables[name] if name in self.variables else self.row.get(name)

    def find_dotted_column(self, names: list[str]) -> tuple[bool, Value]:
        """Return whether the row has a column whose name is several names joined by points, and the column's value.

        Columns of CSV and similar files may have points in their names: Adobe's sample maps ``Full.Name`` without an
        escape (EP:data-prep/mapping-set.md). An attribute or lambda parameter with the first name has priority.
        """
        if names[0] in self.variables or names[0] in self.row:
            return False, None
        value = self.row.get(".".join(names), _MISSING)
        return (False, None) if value is _MISSING else (True, value)
