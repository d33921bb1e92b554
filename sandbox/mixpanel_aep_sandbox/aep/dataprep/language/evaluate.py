"""Evaluation of a parsed expression for one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mixpanel_aep_sandbox.aep.dataprep.functions import arithmetic, arrays, choices, comparisons, registry
from mixpanel_aep_sandbox.aep.dataprep.functions.objects import item_or_member
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, text_of
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.language.tree import (
    Array,
    Binary,
    Call,
    Conditional,
    Each,
    Field,
    Index,
    Lambda,
    Literal,
    Map,
    Member,
    Method,
    Node,
    Unary,
    path_names,
)


def evaluate(node: Node, scope: Scope) -> Value:
    """Return the value of an expression for one row.

    Args:
        node: The expression's tree, from ``parse_and_check``.
        scope: The row, and the counts by which the cost of the evaluation is limited.

    Raises:
        EvaluationError: the expression cannot be evaluated for the row.
    """
    scope.step()
    try:
        return _RULES[type(node)](node, scope)
    except EvaluationError as error:
        if error.at is None:
            raise type(error)(error.message, node.at) from error
        raise


def _member(node: Member, scope: Scope) -> Value:
    names = path_names(node)
    if names:
        found, value = scope.find_dotted_column(names)
        if found:
            return value
    of = evaluate(node.of, scope)
    if spreads(node.of):
        return [part for item in _items(of) if (part := _property(item, node.name)) is not None]
    return _property(of, node.name)


def _property(value: Value, name: str) -> Value:
    return value.get(name) if isinstance(value, dict) else None


def _items(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def spreads(node: Node) -> bool:
    """Return whether a node's path contains ``[*]``, so that its value is a list with the value for each item."""
    while isinstance(node, (Member, Index)):
        node = node.of
    return isinstance(node, Each)


def _index(node: Index, scope: Scope) -> Value:
    of, index = evaluate(node.of, scope), evaluate(node.index, scope)
    if spreads(node.of):
        return [part for item in _items(of) if (part := item_or_member(item, index)) is not None]
    return item_or_member(of, index)


def _evaluate_each(node: Each, scope: Scope) -> Value:
    """Return the items of an array; after another ``[*]``, the items of all its arrays in one list."""
    of = evaluate(node.of, scope)
    if not spreads(node.of):
        return of if isinstance(of, list) or of is None else [of]
    return scope.count_created(
        [part for item in _items(of) for part in (item if isinstance(item, list) else [item])]
    )


def _call(node: Call, scope: Scope) -> Value:
    return scope.count_created(registry.FUNCTIONS[node.name].call(node.arguments, scope, evaluate))


def _method(node: Method, scope: Scope) -> Value:
    """Call a method, whose first argument is the value before the point."""
    of = evaluate(node.of, scope)
    return registry.METHODS[node.name].call((Literal(None), *node.arguments), scope, _bind_arguments(of))


def _bind_arguments(of: Value) -> Callable[[Node, Scope], Value]:
    """Return an evaluator of a method's arguments, whose first result is the value of the method's object.

    Args:
        of: The value before the point.
    """
    first = [of]
    return lambda node, scope: first.pop() if first else evaluate(node, scope)


def _unary(node: Unary, scope: Scope) -> Value:
    return UNARY[node.operator](evaluate(node.operand, scope))


def _binary(node: Binary, scope: Scope) -> Value:
    if node.operator in SHORT_CIRCUIT:
        return SHORT_CIRCUIT[node.operator]((node.left, node.right), scope, evaluate)
    left, right = evaluate(node.left, scope), evaluate(node.right, scope)
    if node.operator == "/":
        return arithmetic.divide(left, right, whole_division=scope.options.whole_division)
    return scope.count_created(BINARY[node.operator](left, right))


def _conditional(node: Conditional, scope: Scope) -> Value:
    return choices.iif((node.condition, node.then, node.otherwise), scope, evaluate)


def _map(node: Map, scope: Scope) -> Value:
    made: dict[str, Value] = {}
    for key, value in node.entries:
        name = evaluate(key, scope)
        if name is None:
            raise EvaluationError("A key is null.", key.at)
        made[text_of(name)] = evaluate(value, scope)
    return made


def _lambda(node: Lambda, scope: Scope) -> Value:
    """Return a Python function that evaluates the lambda's body with its parameter set to an argument."""

    def function(value: Value) -> Value:
        outer = scope.variables
        scope.variables = {**outer, node.parameter: value}
        try:
            return evaluate(node.body, scope)
        finally:
            scope.variables = outer

    return function


UNARY: Final[dict[str, Callable[[Value], Value]]] = {
    "-": arithmetic.negate,
    "+": arithmetic.plus,
    "~": arithmetic.complement,
    "!": choices.logical_not,
    "empty": arrays.empty,
    "size": arrays.size_of,
}
SHORT_CIRCUIT: Final[dict[str, registry.LazyImplementation]] = {
    "?:": choices.elvis,
    "&&": choices.logical_and,
    "||": choices.logical_or,
}
BINARY: Final[dict[str, Callable[[Value, Value], Value]]] = {
    "+": arithmetic.add,
    "-": arithmetic.subtract,
    "*": arithmetic.multiply,
    "/": arithmetic.divide,
    "%": arithmetic.modulo,
    "&": arithmetic.bit_and,
    "|": arithmetic.bit_or,
    "^": arithmetic.bit_xor,
    "==": comparisons.equal,
    "!=": comparisons.not_equal,
    "<": comparisons.less_than,
    "<=": comparisons.less_than_or_equal,
    ">": comparisons.greater_than,
    ">=": comparisons.greater_than_or_equal,
    "=~": comparisons.contains,
    "!~": comparisons.not_contains,
    "=^": comparisons.starts_with,
    "!^": comparisons.not_starts_with,
    "=$": comparisons.ends_with,
    "!$": comparisons.not_ends_with,
}

_RULES: dict[type[Node], Callable[..., Value]] = {
    Literal: lambda node, _: node.value,
    Field: lambda node, scope: scope.attribute(node.name),
    Member: _member,
    Index: _index,
    Each: _evaluate_each,
    Call: _call,
    Method: _method,
    Unary: _unary,
    Binary: _binary,
    Conditional: _conditional,
    Array: lambda node, scope: [evaluate(item, scope) for item in node.items],
    Map: _map,
    Lambda: _lambda,
}
