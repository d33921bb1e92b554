"""Static checks of an expression: the names of its functions, and their numbers of arguments."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from mixpanel_aep_sandbox.aep.dataprep.functions import registry
from mixpanel_aep_sandbox.aep.dataprep.language.errors import SyntaxFault
from mixpanel_aep_sandbox.aep.dataprep.language.options import DEFAULT, Options
from mixpanel_aep_sandbox.aep.dataprep.language.parser import parse
from mixpanel_aep_sandbox.aep.dataprep.language.tree import Call, Field, Method, Node, walk


def parse_and_check(text: str, options: Options = DEFAULT) -> Node:
    """Parse an expression, and return its tree.

    Raises:
        SyntaxFault: The syntax is invalid, a function is unknown or not allowed by ``options``, or its number of
            arguments is wrong.
    """
    tree = parse(text)
    for node, _ in walk(tree):
        if isinstance(node, Field) and options.functions_reserved and not text.startswith("${", node.at):
            _check_field(node)
        if isinstance(node, Call):
            _check(node.name, len(node.arguments), registry.FUNCTIONS, node.at, 0)
            if registry.FUNCTIONS[node.name].for_destinations and not options.destination_functions:
                raise SyntaxFault(f"{node.name}() is for destinations only.", node.at)
        elif isinstance(node, Method):
            _check(node.name, len(node.arguments) + 1, registry.METHODS, node.at, 1)
    return tree


def unknown_function(text: str) -> str:
    """Return the name of an unknown function or method that an expression calls; "" if all are known.

    The result is also "" if the syntax of the expression is invalid.
    """
    try:
        tree = parse(text)
    except SyntaxFault:
        return ""
    for node, _ in walk(tree):
        known = registry.FUNCTIONS if isinstance(node, Call) else registry.METHODS
        if isinstance(node, Call | Method) and node.name not in known:
            return node.name
    return ""


def _check_field(node: Field) -> None:
    """Raise SyntaxFault if a field without ``${}`` has the name of a function."""
    if node.name in registry.FUNCTIONS:
        message = f"{node.name!r} is a function; a field of this name is written ${{{node.name}}}."
        raise SyntaxFault(message, node.at)


def _check(name: str, given: int, known: Mapping[str, registry.Function], at: int, own: int) -> None:
    """Check that a function exists and accepts a number of arguments.

    Args:
        name: The name of the function.
        given: The number of arguments.
        known: The functions, or the methods, by name.
        at: The index of the call in the text, for the error.
        own: The number of arguments that are not in parentheses: 1 for a method, whose first argument is its value.

    Raises:
        SyntaxFault: it does not exist, or does not accept this number of arguments.
    """
    function = known.get(name)
    if function is None:
        close = get_close_matches(name, [*known, *registry.FUNCTIONS], 1, 0.5)
        nearest = f"; the nearest is {close[0]}()" if close else ""
        raise SyntaxFault(f"Unknown function {name}(){nearest}.", at)
    fewest, most = function.fewest, function.most
    if given < fewest or (most is not None and given > most):
        expected = f"{fewest - own}" if fewest == most else f"{fewest - own} or more"
        if most is not None and fewest != most:
            expected = f"{fewest - own} to {most - own}"
        raise SyntaxFault(f"{name}() takes {expected} arguments, not {given - own}.", at)
