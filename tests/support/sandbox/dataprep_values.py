"""Evaluates one expression for one row, for the tests of the language."""

from __future__ import annotations

from typing import Any

from mixpanel_aep_sandbox.aep.dataprep.functions.values import plain
from mixpanel_aep_sandbox.aep.dataprep.language.check import parse_and_check
from mixpanel_aep_sandbox.aep.dataprep.language.evaluate import evaluate
from mixpanel_aep_sandbox.aep.dataprep.language.options import Options
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope

NOW = 1571850624571
ALL = Options(destination_functions=True)


def value_of(expression: str, **row: object) -> Any:
    """Return the value of an expression as JSON.

    Raises:
        ExpressionError: the expression fails for this row.
    """
    return plain(evaluate(parse_and_check(expression, ALL), Scope(row, lambda: NOW, ALL)))
