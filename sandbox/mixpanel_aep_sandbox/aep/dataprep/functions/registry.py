"""The registry of the language's functions: name, parameters and implementation, or why the sandbox has none."""

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
LazyImplementation: TypeAlias = Callable[[tuple[Node, ...], Scope, Evaluate], Value]
"""The implementation of a function that receives the nodes of its arguments, and evaluates only those that it needs."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a Data Prep function."""

    name: str
    kind: Kind = "any"
    text: str = ""
    required: bool = True
    repeated: bool = False
    """The call may have any number of arguments for this parameter, which is the last one."""
    nullable: bool = False
    """The implementation accepts null; otherwise a null argument makes the function's result null [I]."""


@dataclass(frozen=True)
class Function:
    """A Data Prep function: its description in the form of Adobe's list, and its implementation.

    It has ``does`` or ``lazy``, or ``unavailable`` if the sandbox does not implement it.
    """

    name: str
    category: str
    text: str
    parameters: tuple[Parameter, ...]
    returns: Kind
    does: Callable[..., Value] | None = None
    """The implementation, which receives converted values."""
    lazy: LazyImplementation | None = None
    """The implementation, if it receives unevaluated arguments."""
    example: str = ""
    result: str = ""
    unavailable: str = ""
    """Why the sandbox does not implement the function; empty if it does."""
    for_destinations: bool = False
    """Adobe marks the function "Destinations only": it is not available for ingestion."""

    @property
    def fewest(self) -> int:
        """Return the minimum number of arguments."""
        return sum(parameter.required for parameter in self.parameters)

    @property
    def most(self) -> int | None:
        """Return the maximum number of arguments; None if it is unlimited."""
        repeated = bool(self.parameters) and self.parameters[-1].repeated
        return None if repeated else len(self.parameters)

    def parameter(self, position: int) -> Parameter:
        """Return the parameter to which the argument at a position (from 0) belongs.

        Arguments after the last parameter belong to the last parameter, which may be repeated.
        """
        return self.parameters[min(position, len(self.parameters) - 1)]

    def call(self, arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> Value:
        """Evaluate the arguments, convert them to their parameters' types, and return the function's result.

        The result is null if an argument is null and its parameter is not nullable.

        Raises:
            NotAvailable: The sandbox does not implement the function.
            EvaluationError: An argument cannot be evaluated or converted, or the function fails.
        """
        if self.unavailable:
            raise NotAvailable(f"{self.name}() is not available in the sandbox: {self.unavailable}")
        if self.lazy is not None:
            return self.lazy(arguments, scope, evaluate)
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
"""Methods of values, called as ``value.name(...)``; the first parameter is the value."""


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
    """Return a decorator that registers the implementation of a function of the language.

    Args:
        category: The category in Adobe's list.
        text: The description.
        parameters: The parameters.
        returns: The type of the result.
        names: The names in the language; by default the Python name, without a trailing underscore.
        example: An example, and its result.
        method: Whether it is a method of values, registered in ``METHODS``; otherwise it is in ``FUNCTIONS``.
        for_destinations: Whether Adobe marks the function "Destinations only".
    """

    def register(does: Callable[..., Value]) -> Callable[..., Value]:
        for name in names or (does.__name__.rstrip("_"),):
            made = Function(
                name, category, text, parameters, returns, does, None, *example, "", for_destinations
            )
            (METHODS if method else FUNCTIONS)[name] = made
        return does

    return register


def lazy_function(
    category: str,
    text: str,
    *parameters: Parameter,
    returns: Kind = "any",
    names: tuple[str, ...] = (),
    example: tuple[str, str] = ("", ""),
) -> Callable[[LazyImplementation], LazyImplementation]:
    """Return a decorator that registers the implementation of a function that gets its arguments unevaluated.

    The arguments are as in :func:`function`.
    """

    def register(does: LazyImplementation) -> LazyImplementation:
        for name in names or (does.__name__.rstrip("_"),):
            FUNCTIONS[name] = Function(name, category, text, parameters, returns, None, does, *example)
        return does

    return register


def unavailable(category: str, name: str, text: str, reason: str, *parameters: Parameter) -> None:
    """Register a function that Adobe documents and the sandbox does not implement; a call raises NotAvailable."""
    FUNCTIONS[name] = Function(name, category, text, parameters, "any", unavailable=reason)
