"""Evaluation of a tree for one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mixpanel_aep_sandbox.aep.dataprep.functions import registry
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, text_of
from mixpanel_aep_sandbox.aep.dataprep.language import operators
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
from mixpanel_aep_sandbox.aep.dataprep.numbers import is_number, whole


def evaluate(node: Node, scope: Scope) -> Value:
    """Return the value of an expression that :func:`check` has accepted. Raises EvaluationError."""
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
        found, value = scope.flat(names)
        if found:
            return value
    of = evaluate(node.of, scope)
    if spreads(node.of):
        return [part for item in of or [] if (part := _property(item, node.name)) is not None]
    return _property(of, node.name)


def _property(value: Value, name: str) -> Value:
    return value.get(name) if isinstance(value, dict) else None


def spreads(node: Node) -> bool:
    """Return whether a node has one value for each item of an array: its path has a ``[*]``."""
    while isinstance(node, (Member, Index)):
        node = node.of
    return isinstance(node, Each)


def _index(node: Index, scope: Scope) -> Value:
    of, index = evaluate(node.of, scope), evaluate(node.index, scope)
    if spreads(node.of):
        return [part for item in of or [] if (part := _item(item, index)) is not None]
    return _item(of, index)


def _item(value: Value, index: Value) -> Value:
    """Return an item by its number, counted from 0, or a property by its name; null if it is missing [I]."""
    if index is None:
        return None
    if isinstance(value, dict):
        return value.get(text_of(index))
    number = whole(index) if is_number(index) else None
    if isinstance(value, list) and number is not None and 0 <= number < len(value):
        return value[number]
    return None


def _evaluate_each(node: Each, scope: Scope) -> Value:
    of = evaluate(node.of, scope)
    if not spreads(node.of):
        return of if isinstance(of, list) or of is None else [of]
    return scope.make([part for item in of or [] for part in (item if isinstance(item, list) else [item])])


def _call(node: Call, scope: Scope) -> Value:
    return scope.make(registry.FUNCTIONS[node.name].call(node.arguments, scope, evaluate))


def _method(node: Method, scope: Scope) -> Value:
    of = evaluate(node.of, scope)
    return registry.METHODS[node.name].call((Literal(None), *node.arguments), scope, _bind_arguments(of))


def _bind_arguments(of: Value) -> Callable[[Node, Scope], Value]:
    """Return a function that evaluates arguments; the first is the value of the method."""
    first = [of]
    return lambda node, scope: first.pop() if first else evaluate(node, scope)


def _unary(node: Unary, scope: Scope) -> Value:
    return _UNARY[node.operator](evaluate(node.operand, scope))


_UNARY: dict[str, Callable[[Value], Value]] = {
    "-": operators.negate,
    "+": lambda value: operators.calculate("+", 0, value),
    "~": operators.complement,
    "!": lambda value: not operators.truth(value),
    "empty": operators.empty,
    "size": operators.size,
}


def _binary(node: Binary, scope: Scope) -> Value:
    sign, left = node.operator, evaluate(node.left, scope)
    if sign == "?:":
        return left if left is not None and left is not False else evaluate(node.right, scope)
    if sign in ("&&", "||"):
        decided = operators.truth(left) is (sign == "||")
        return sign == "||" if decided else operators.truth(evaluate(node.right, scope))
    right = evaluate(node.right, scope)
    if sign == "+":
        return scope.make(operators.add(left, right))
    if sign in ("==", "!="):
        return operators.equal(left, right) is (sign == "==")
    if sign in ("<", "<=", ">", ">="):
        return operators.compare(sign, left, right)
    if sign in ("&", "|", "^"):
        return operators.bits(sign, left, right)
    if sign[0] in "=!":
        return operators.matches("=" + sign[1], left, right) is (sign[0] == "=")
    return operators.calculate(sign, left, right, whole_division=scope.options.whole_division)


def _conditional(node: Conditional, scope: Scope) -> Value:
    chosen = node.then if operators.truth(evaluate(node.condition, scope)) else node.otherwise
    return evaluate(chosen, scope)


def _map(node: Map, scope: Scope) -> Value:
    made: dict[str, Value] = {}
    for key, value in node.entries:
        name = evaluate(key, scope)
        if name is None:
            raise EvaluationError("A key is null.", key.at)
        made[text_of(name)] = evaluate(value, scope)
    return made


def _lambda(node: Lambda, scope: Scope) -> Value:
    def function(value: Value) -> Value:
        outer = scope.variables
        scope.variables = {**outer, node.parameter: value}
        try:
            return evaluate(node.body, scope)
        finally:
            scope.variables = outer

    return function


_RULES: dict[type[Node], Callable[[Any, Scope], Value]] = {
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
