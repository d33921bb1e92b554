"""Evaluation of the Flow Service's ``property`` filters: ``state==enabled``, ``sourceConnectionIds[]==a,b`` etc."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError
from mixpanel_aep_sandbox.core.json_types import JsonObject

_FILTER = re.compile(r"([^=!<>~]+)([=!<>~]+)(.*)", re.DOTALL)
_ORDERING: dict[str, Callable[..., bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_CASE_INSENSITIVE = ("status", "state")
"""Names of properties whose values are compared without regard to case."""
ComputedProperties = Mapping[str, Callable[[JsonObject], object]]


def filter_bodies(
    bodies: Iterable[JsonObject], properties: Iterable[str], computed: ComputedProperties
) -> list[JsonObject]:
    """Return the bodies that match all filters in the values of the query parameter ``property``.

    A value without an operator is a list of names: the returned bodies then have only these fields.

    Args:
        bodies: The bodies.
        properties: The values of the query parameter.
        computed: Properties that bodies do not have but filters can use: functions of a body, by name.

    Raises:
        FlowServiceError: a filter is invalid.
    """
    tests, selected = [], []
    for text in properties:
        if match := _FILTER.fullmatch(text):
            name, operator, operand = match.groups()
            tests.append(_make_test(name.strip(), operator, operand, computed))
        else:
            selected += [name.strip() for name in text.split(",") if name.strip()]
    found = [body for body in bodies if all(test(body) for test in tests)]
    return [{name: body[name] for name in selected if name in body} for body in found] if selected else found


def values_at(body: object, path: str) -> Iterator[object]:
    """Yield the values in ``body`` at a path of names with dots; ``[]`` after a name means every item of an array."""
    name, _, rest = path.partition(".")
    key = name.removesuffix("[]")
    if not isinstance(body, dict) or key not in body:
        return
    value = body[key]
    items = value if name.endswith("[]") and isinstance(value, list) else [value]
    for item in items:
        if rest:
            yield from values_at(item, rest)
        else:
            yield item


def _make_test(
    name: str, operator: str, operand: str, computed: ComputedProperties
) -> Callable[[JsonObject], bool]:
    """Return a function that tests a body by one filter. Raises FlowServiceError for an invalid filter."""
    if not operand:
        raise FlowServiceError("1453-400", value=f"{name}{operator}")

    def values(body: JsonObject) -> Iterator[object]:
        return iter([computed[name](body)]) if name in computed else values_at(body, name)

    # A filter in the guide's table has a single equals sign: attributes.sampleAttribute="abc".
    if operator in ("==", "=", "!="):
        options = {_to_text(name, _unquote(option)) for option in operand.split(",")}
        is_not = operator == "!="
        return lambda body: any(_to_text(name, value) in options for value in values(body)) is not is_not
    if operator in _ORDERING:
        if "," in operand:
            raise FlowServiceError("1443-400", operator=operator)
        compare = _ORDERING[operator]
        return lambda body: any(_compare_values(compare, value, _unquote(operand)) for value in values(body))
    raise FlowServiceError("1440-400" if operator == "~" else "1450-400", operator=operator)


def _unquote(text: str) -> str:
    """Remove double quotes, as in ``name=="CRMToAEP"`` (EP:sources/tutorials/api/collect/protocols.md)."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _to_text(name: str, value: object) -> str:
    """Return the text by which a value of a property is compared; values of some properties are in lower case."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.lower() if name.rpartition(".")[2] in _CASE_INSENSITIVE else text


def _compare_values(compare: Callable[..., bool], value: object, operand: str) -> bool:
    """Compare texts as texts and numbers as numbers; return False for other values and operands."""
    if isinstance(value, str):
        return compare(value, operand)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return compare(float(value), float(operand))
    except (ValueError, OverflowError):
        return False
