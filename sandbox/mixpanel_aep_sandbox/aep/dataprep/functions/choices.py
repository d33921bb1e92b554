"""Choices between values."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Evaluate, Parameter, form
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, text_of
from mixpanel_aep_sandbox.aep.dataprep.language.operators import truth
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.language.tree import Node

_LOGICAL = "Logical Operators"


@form(
    _LOGICAL,
    "One of two values, by a condition.",
    Parameter("EXPRESSION", "boolean", "The condition."),
    Parameter("TRUE_VALUE", "any", "The value when it is true."),
    Parameter("FALSE_VALUE", "any", "The value when it is not."),
    example=('iif("s".equalsIgnoreCase("S"), "True", "False")', '"True"'),
)
def iif(arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> Value:
    """Return one of two values; only the chosen one is evaluated [I], as the other one may fail."""
    condition, then, otherwise = arguments
    return evaluate(then if truth(evaluate(condition, scope)) else otherwise, scope)


@form(
    _LOGICAL,
    "The value after the first key that is equal; the last argument if no key is equal.",
    Parameter("KEY", "any", "The text to find.", nullable=True),
    Parameter("OPTIONS", "any", "Keys and values by turns, then a default.", repeated=True, nullable=True),
    example=('decode(stateCode, "ca", "California", "pa", "Pennsylvania", "N/A")', '"California"'),
)
def decode(arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> Value:
    """Return the value after the first equal key.

    Keys are texts, and null matches null; only this value is evaluated [I].
    """
    key, *options = arguments
    target = _key(evaluate(key, scope))
    for position in range(0, len(options) - 1, 2):
        if target == _key(evaluate(options[position], scope)):
            return evaluate(options[position + 1], scope)
    return evaluate(options[-1], scope) if len(options) % 2 else None


def _key(value: Value) -> Value:
    return value if value is None or isinstance(value, (list, dict)) else text_of(value)
