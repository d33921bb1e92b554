"""Every function of the language: its name, parameters and implementation, or why the sandbox does not have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mixpanel_aep_sandbox.aep.dataprep.functions.arguments import coerce
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError, NotAvailable
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.language.tree import Node

Kind = Literal["any", "string", "number", "integer", "boolean", "date", "array", "object", "map", "lambda"]
Evaluate: TypeAlias = Callable[[Node, Scope], Value]
Form: TypeAlias = Callable[[tuple[Node, ...], Scope, Evaluate], Value]
"""A function that receives its arguments unevaluated, and evaluates those that it needs."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function."""

    name: str
    kind: Kind = "any"
    text: str = ""
    required: bool = True
    repeated: bool = False
    """The last one only: it may be repeated."""
    nullable: bool = False
    """Null is an ordinary value; otherwise a null argument makes the result null [I]."""


@dataclass(frozen=True)
class Function:
    """A function of the language."""

    name: str
    category: str
    text: str
    parameters: tuple[Parameter, ...]
    returns: Kind
    does: Callable[..., Value] | None = None
    form: Form | None = None
    example: str = ""
    result: str = ""
    unavailable: str = ""
    """Why the sandbox does not have it."""
    for_destinations: bool = False
    """Adobe marks it "Destinations only": it is not available for ingestion."""

    @property
    def fewest(self) -> int:
        """Return the minimum number of arguments."""
        return sum(parameter.required for parameter in self.parameters)

    @property
    def most(self) -> int | None:
        """Return the maximum number of arguments; None: unlimited."""
        repeated = bool(self.parameters) and self.parameters[-1].repeated
        return None if repeated else len(self.parameters)

    def parameter(self, position: int) -> Parameter:
        """Return the parameter at a position."""
        return self.parameters[min(position, len(self.parameters) - 1)]

    def call(self, arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> Value:
        """Return the function's value. Raises EvaluationError."""
        if self.unavailable:
            raise NotAvailable(f"{self.name}() is not available in the sandbox: {self.unavailable}")
        if self.form is not None:
            return self.form(arguments, scope, evaluate)
        assert self.does is not None
        values: list[Value] = []
        for position, node in enumerate(arguments):
            parameter, value = self.parameter(position), evaluate(node, scope)
            try:
                values.append(value if value is None else coerce(value, parameter.kind))
            except EvaluationError as error:
                raise EvaluationError(f"{self.name}(): {parameter.name}: {error.message}", node.at) from error
        if any(value is None and not self.parameter(n).nullable for n, value in enumerate(values)):
            return None
        return self.does(*values)


FUNCTIONS: dict[str, Function] = {}
METHODS: dict[str, Function] = {}
"""Methods of values, ``value.name(...)``; the first parameter is the value."""


def function(
    category: str,
    text: str,
    *parameters: Parameter,
    returns: Kind = "any",
    names: tuple[str, ...] = (),
    example: tuple[str, str] = ("", ""),
    method: bool = False,
    for_destinations: bool = False,
) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Register the decorated function, under its own name (without a trailing ``_``) or under ``names``."""

    def register(does: Callable[..., Value]) -> Callable[..., Value]:
        for name in names or (does.__name__.rstrip("_"),):
            made = Function(
                name, category, text, parameters, returns, does, None, *example, "", for_destinations
            )
            (METHODS if method else FUNCTIONS)[name] = made
        return does

    return register


def form(
    category: str,
    text: str,
    *parameters: Parameter,
    returns: Kind = "any",
    names: tuple[str, ...] = (),
    example: tuple[str, str] = ("", ""),
) -> Callable[[Form], Form]:
    """Register a function that receives its arguments unevaluated."""

    def register(does: Form) -> Form:
        for name in names or (does.__name__.rstrip("_"),):
            FUNCTIONS[name] = Function(name, category, text, parameters, returns, None, does, *example)
        return does

    return register


def unavailable(category: str, name: str, text: str, reason: str, *parameters: Parameter) -> None:
    """Register a function that the sandbox does not have."""
    FUNCTIONS[name] = Function(name, category, text, parameters, "any", unavailable=reason)
