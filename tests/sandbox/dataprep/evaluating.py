"""One expression, one row, one value: as the tests of the language ask."""

from __future__ import annotations

from typing import Any

from include.sandbox.aep.dataprep.language.check import compiled
from include.sandbox.aep.dataprep.language.evaluate import evaluate
from include.sandbox.aep.dataprep.language.options import Options
from include.sandbox.aep.dataprep.language.scope import Scope
from include.sandbox.aep.dataprep.values import plain

NOW = 1571850624571
ALL = Options(destination_functions=True)


def value_of(expression: str, **row: Any) -> Any:
    """The value as JSON. Raises ExpressionError."""
    return plain(evaluate(compiled(expression, ALL), Scope(row, lambda: NOW, ALL)))
