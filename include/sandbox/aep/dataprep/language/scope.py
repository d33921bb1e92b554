"""What an expression is evaluated against, and how much work it may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from include.sandbox.aep.dataprep.language.errors import EvaluationError
from include.sandbox.aep.dataprep.values import Value

MOST_STEPS = 100_000
"""Nodes evaluated for one value [I]: only lambdas can come near it."""
_MISSING: Any = object()


@dataclass
class Scope:
    row: dict[str, Any]
    now_milliseconds: Callable[[], int]
    variables: dict[str, Value] = field(default_factory=dict)
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise EvaluationError(f"The expression takes more than {MOST_STEPS} steps.")

    def attribute(self, name: str) -> Value:
        """A lambda's parameter or an attribute of the row; null when there is none [I]."""
        return self.variables[name] if name in self.variables else self.row.get(name)

    def flat(self, names: list[str]) -> tuple[bool, Value]:
        """Whether the row has one column of the whole name, points and all, and no parent object; its value.

        Columnar data have names with points; Adobe's own sample maps ``Full.Name`` without an escape
        (EP:data-prep/mapping-set.md).
        """
        if names[0] in self.variables or names[0] in self.row:
            return False, None
        value = self.row.get(".".join(names), _MISSING)
        return (False, None) if value is _MISSING else (True, value)
