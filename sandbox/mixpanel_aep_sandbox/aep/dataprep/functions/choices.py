"""Data Prep functions and operators that evaluate only the arguments that they need."""

from __future__ import annotations

from collections.abc import Iterable

from mixpanel_aep_sandbox.aep.dataprep.functions.arrays import items_of
from mixpanel_aep_sandbox.aep.dataprep.functions.comparisons import truth
from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Evaluate, Parameter, lazy_function
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, text_of
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.language.tree import Node

_LOGICAL = "Logical Operators"


@lazy_function(
    _LOGICAL,
    "One of two values, chosen by a condition.",
    Parameter("EXPRESSION", "boolean", "The condition."),
    Parameter("TRUE_VALUE", "any", "The result if the condition is true."),
    Parameter("FALSE_VALUE", "any", "The result if the condition is false or null."),
    example=('iif("s".equalsIgnoreCase("S"), "True", "False")', '"True"'),
)
def iif(arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> Value:
    """Return the value of the second argument if the first one is true, otherwise of the third.

    Only the argument whose value is returned is evaluated [I], because the evaluation of the other one may fail.
    """
    condition, then, otherwise = arguments
    return evaluate(then if truth(evaluate(condition, scope)) else otherwise, scope)


@lazy_function(
    _LOGICAL,
    "The value after the first key that is equal to KEY; the default, or null, if no key is equal.",
    Parameter("KEY", "any", "The text to find.", nullable=True),
    Parameter(
        "OPTIONS",
        "any",
        "Alternating keys and values, then an optional default.",
        repeated=True,
        nullable=True,
    ),
    example=('decode(stateCode, "ca", "California", "pa", "Pennsylvania", "N/A")', '"California"'),
)
def decode(arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> Value:
    """Return the value after the first key that is equal to the first argument, otherwise the default or null.

    Keys are compared as texts, and null equals null. Other values are not evaluated [I].
    """
    key, *options = arguments
    target = _key(evaluate(key, scope))
    for position in range(0, len(options) - 1, 2):
        if target == _key(evaluate(options[position], scope)):
            return evaluate(options[position + 1], scope)
    return evaluate(options[-1], scope) if len(options) % 2 else None


def _key(value: Value) -> Value:
    """Return the form of a key in which ``decode`` compares it: text, except for null, arrays and objects."""
    return value if value is None or isinstance(value, (list, dict)) else text_of(value)


@lazy_function(
    "Hierarchies - Arrays",
    "The first value that is not null.",
    Parameter("INPUT", "any", "An array, or several values.", repeated=True, nullable=True),
    example=('coalesce(null, null, null, "first", null, "second")', '"first"'),
)
def coalesce(arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> Value:
    """Return the first argument, or the first item of a single array, that is not null; null if all are null.

    Later arguments are not evaluated [I].
    """
    if len(arguments) == 1:
        given: Iterable[Value] = items_of((evaluate(arguments[0], scope),))
    else:
        given = (evaluate(node, scope) for node in arguments)
    return next((item for item in given if item is not None), None)


def elvis(arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> Value:
    """Return the result of ``left ?: right``: the left value, or the right value if the left one is null or false."""
    left, right = arguments
    value = evaluate(left, scope)
    return evaluate(right, scope) if value is None or value is False else value


def logical_and(arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> bool:
    """Return the result of ``&&``; the right side is evaluated only if the left side is true."""
    left, right = arguments
    return truth(evaluate(left, scope)) and truth(evaluate(right, scope))


def logical_or(arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> bool:
    """Return the result of ``||``; the right side is evaluated only if the left side is false."""
    left, right = arguments
    return truth(evaluate(left, scope)) or truth(evaluate(right, scope))


def logical_not(value: Value) -> bool:
    """Return the opposite of a condition; the opposite of null is true."""
    return not truth(value)
