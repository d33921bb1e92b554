"""The input of an evaluation, and limits of its cost.

No expression can take long or fill the memory: its text and its nesting are bounded (``words``), each value by the
number of steps and of created characters (here), and regular expressions match in linear time (``java_regex``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, bounded
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError
from mixpanel_aep_sandbox.aep.dataprep.language.options import DEFAULT, Options
from mixpanel_aep_sandbox.core.json_types import JsonObject

MOST_STEPS = 100_000
"""Nodes evaluated for one value [I]: only lambdas can approach it."""
MOST_MADE = 10_000_000
"""Characters and items that functions create for one value, in total [I]."""
_MISSING: object = object()


@dataclass
class Scope:
    """The row of an evaluation, its variables, and its cost so far."""

    row: JsonObject
    now_milliseconds: Callable[[], int]
    options: Options = DEFAULT
    variables: dict[str, Value] = field(default_factory=dict)
    steps: int = 0
    made: int = 0

    def step(self) -> None:
        """Count a step. Raises EvaluationError above the limit."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise EvaluationError(f"The expression takes more than {MOST_STEPS} steps.")

    def make(self, value: Value) -> Value:
        """Count the size of a function's result and return it. Raises EvaluationError above the limit."""
        if isinstance(value, (str, list, dict)):
            self.made += len(value)
        if self.made > MOST_MADE:
            raise EvaluationError(f"The expression makes more than {MOST_MADE} characters and items.")
        return bounded(value)

    def attribute(self, name: str) -> Value:
        """Return a lambda's parameter or an attribute of the row; null if it is missing [I]."""
        return self.variables[name] if name in self.variables else self.row.get(name)

    def flat(self, names: list[str]) -> tuple[bool, Value]:
        """Return whether the row has a column with the whole dotted name and no parent object, and the column's value.

        Columnar data have names with points; Adobe's own sample maps ``Full.Name`` without an escape
        (EP:data-prep/mapping-set.md).
        """
        if names[0] in self.variables or names[0] in self.row:
            return False, None
        value = self.row.get(".".join(names), _MISSING)
        return (False, None) if value is _MISSING else (True, value)
