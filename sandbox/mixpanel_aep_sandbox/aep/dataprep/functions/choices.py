"""Choices, comparisons of text, minimum and maximum."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Evaluate, Parameter, form, function
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, text_of
from mixpanel_aep_sandbox.aep.dataprep.language.operators import order, truth
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.language.tree import Node

_LOGICAL = "Logical Operators"
_STRING = "String"
_OPTIONS = Parameter("OPTIONS", "any", "The values to compare.", repeated=True, nullable=True)


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


@function(
    _STRING,
    "Whether two texts are the same.",
    Parameter("STRING1", "string", "One text."),
    Parameter("STRING2", "string", "The other one.", nullable=True),
    returns="boolean",
    example=('"string1".equals("STRING1")', "false"),
    method=True,
)
def equals(one: str, two: str | None) -> bool:
    """Compare as texts, as documented: a number equals the text of the same number [I]."""
    return one == two


@function(
    _STRING,
    "Whether two texts are the same, whatever the case of their letters.",
    Parameter("STRING1", "string", "One text."),
    Parameter("STRING2", "string", "The other one.", nullable=True),
    returns="boolean",
    names=("equalsIgnoreCase",),
    example=('"string1".equalsIgnoreCase("STRING1")', "true"),
    method=True,
)
def equals_ignore_case(one: str, two: str | None) -> bool:
    """Compare by character, as Java does: ß does not equal SS."""
    return two is not None and len(one) == len(two) and all(map(_alike, one, two))


def _alike(one: str, two: str) -> bool:
    return one.upper() == two.upper() or one.lower() == two.lower()


def _extreme(options: tuple[Value, ...], target: int) -> Value:
    values = options[0] if len(options) == 1 and isinstance(options[0], list) else options
    best = None
    for value in values:
        if value is not None and (best is None or order(value, best) == target):
            best = value
    return best


@function("Aggregation", "The smallest value.", _OPTIONS, names=("min",), example=("min(3, 1, 4)", "1"))
def minimum(*options: Value) -> Value:
    """Return the smallest value."""
    return _extreme(options, -1)


@function("Aggregation", "The largest value.", _OPTIONS, names=("max",), example=("max(3, 1, 4)", "4"))
def maximum(*options: Value) -> Value:
    """Return the largest value."""
    return _extreme(options, 1)
