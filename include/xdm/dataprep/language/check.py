"""Check an expression before any row is read: find the function of every call and the type of every value."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from include.xdm.dataprep.functions import FUNCTIONS, NOT_HERE
from include.xdm.dataprep.functions.registry import Function, Parameter
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.paths import Path, parse_path, write_path
from include.xdm.dataprep.language.tree import Attribute, Call, Literal, Node, Number
from include.xdm.dataprep.language.types import Type

ROOTS = ("event", "properties", "data")


@dataclass(frozen=True)
class TypedLiteral:
    """A constant and its type."""

    value: bool | str | Number | None
    type: Type


@dataclass(frozen=True)
class TypedAttribute:
    """A value that is read from the event: that of the first path in ``candidates`` with a value."""

    candidates: tuple[Path, ...]
    type: Type


@dataclass(frozen=True)
class TypedCall:
    """A call of a function or operator: the function, its checked arguments and the type of its result."""

    function: Function
    arguments: tuple[Typed, ...]
    type: Type


Typed = TypedLiteral | TypedAttribute | TypedCall


def check(node: Node) -> Typed:
    """Check a parsed expression; return its tree with a type for every node.

    Raises:
        LanguageError: a function or source is unknown, or a function cannot take its arguments.
    """
    if isinstance(node, Literal):
        return TypedLiteral(node.value, _literal_type(node.value))
    if isinstance(node, Attribute):
        try:
            candidates = event_paths(node.path)
        except LanguageError as fault:
            quoted = f", or {node.path[0]!r} for a text" if len(node.path) == 1 else ""
            raise LanguageError(f"{fault}{quoted}") from None
        return TypedAttribute(candidates, _attribute_type(candidates))
    return _call(node)


def event_paths(path: Path) -> tuple[Path, ...]:
    """Return the paths in an event where the value of a source may be; the first path with a value is used.

    Adobe's Mixpanel tutorial writes ``data.<name>`` without the ``$``, and ``event_name`` for the event.

    Raises:
        LanguageError: an event does not have this source.
    """
    root, rest = path[0], path[1:]
    if path == ("event",) or (root == "properties" and (not rest or isinstance(rest[0], str))):
        return (path,)
    if path == ("data",):
        return (("properties",),)
    if root == "data" and isinstance(rest[0], str):
        name, inside = rest[0], rest[1:]
        if name == "event_name" and not inside:
            return (("event",), ("properties", name))
        return (("properties", name, *inside), ("properties", f"${name}", *inside))
    hint = f"; write properties.{write_path(path)}" if len(path) == 1 else ""
    raise LanguageError(f"source {write_path(path)!r} must be event, properties.<name> or data.<name>{hint}")


def properties_in(typed: Typed) -> set[str | None]:
    """Return the names of the properties that an expression reads; None in the set stands for all properties."""
    if isinstance(typed, TypedAttribute):
        return {property_of(path) for path in typed.candidates if path[0] == "properties"}
    if isinstance(typed, TypedCall):
        return {name for argument in typed.arguments for name in properties_in(argument)}
    return set()


def property_of(path: Path) -> str | None:
    """Return the name of the property that a path in ``properties`` reads; None if it reads all properties."""
    return str(path[1]) if len(path) > 1 else None


def _literal_type(value: bool | str | Number | None) -> Type:
    if value is None:
        return Type.NULL
    if isinstance(value, bool):
        return Type.BOOLEAN
    if isinstance(value, str):
        return Type.STRING
    fits = value.is_integer and abs(int(value.text)) < 2**63
    return Type.INTEGER if fits else Type.NUMBER


def _attribute_type(candidates: tuple[Path, ...]) -> Type:
    if candidates == (("event",),):
        return Type.STRING
    return Type.OBJECT if candidates == (("properties",),) else Type.ANY


def _call(node: Call) -> Typed:
    function = _function(node)
    function.check_argument_count(len(node.arguments))
    arguments = [
        _argument(function, function.parameter(number), argument)
        for number, argument in enumerate(node.arguments)
    ]
    kind = function.result_type([argument.type for argument in arguments])
    return TypedCall(function, tuple(arguments), kind)


def _function(node: Call) -> Function:
    function = FUNCTIONS.get(node.name)
    what = "method" if node.is_method else "function"
    if function is None:
        if reason := NOT_HERE.get(node.name):
            raise LanguageError(f"the function {node.name} is not supported: {reason}")
        known = [name for name, known in FUNCTIONS.items() if not node.is_method or known.method]
        near = get_close_matches(node.name, known, n=1, cutoff=0.5)
        raise LanguageError(
            f"the {what} {node.name} does not exist" + (f"; nearest is {near[0]}" if near else "")
        )
    if node.is_method and not function.method:
        raise LanguageError(f"{node.name} is not a method; write {node.name}(value, …)")
    return function


def _argument(function: Function, parameter: Parameter, node: Node) -> Typed:
    bare = node.path[0] if isinstance(node, Attribute) and len(node.path) == 1 else None
    if parameter.names == "also" and isinstance(bare, str) and bare not in ROOTS:
        return TypedLiteral(bare, Type.STRING)
    if parameter.names == "only":
        text = (
            write_path(node.path)
            if isinstance(node, Attribute)
            else node.value
            if isinstance(node, Literal)
            else None
        )
        if not isinstance(text, str):
            raise LanguageError(f"{parameter.name} of {function.name} has to be a path, bare or in quotes")
        event_paths(parse_path(text))
        return TypedLiteral(text, Type.STRING)
    if parameter.check and isinstance(node, Literal) and isinstance(node.value, str):
        try:
            parameter.check(node.value)
        except ValueError as fault:
            raise LanguageError(f"{parameter.name} of {function.name}: {fault}") from None
    return check(node)
