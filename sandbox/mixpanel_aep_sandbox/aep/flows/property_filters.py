"""The ``property`` filters of the Flow Service, such as ``state==enabled`` and ``sourceConnectionIds[]==a,b``."""

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
_ANY_CASE = ("status", "state")
"""The guide filters runs by ``metrics.statusSummary.status==RunFailed``, which is ``failed`` in every sample."""
Hidden = Mapping[str, Callable[[JsonObject], object]]


def keep_matching(
    bodies: Iterable[JsonObject], properties: Iterable[str], hidden: Hidden
) -> list[JsonObject]:
    """Return the bodies that pass all filters.

    A property without operator selects what is shown of them. Raises FlowServiceError.
    """
    tests, shown = [], []
    for text in properties:
        if match := _FILTER.fullmatch(text):
            name, operator, operand = match.groups()
            tests.append(_make_test(name.strip(), operator, operand, hidden))
        else:
            shown += [name.strip() for name in text.split(",") if name.strip()]
    found = [body for body in bodies if all(test(body) for test in tests)]
    return [{name: body[name] for name in shown if name in body} for body in found] if shown else found


def values_at(body: object, path: str) -> Iterator[object]:
    """Yield the values along a path with dots; ``[]`` after a name means every item of an array."""
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


def _make_test(name: str, operator: str, operand: str, hidden: Hidden) -> Callable[[JsonObject], bool]:
    if not operand:
        raise FlowServiceError("1453-400", value=f"{name}{operator}")

    def values(body: JsonObject) -> Iterator[object]:
        return iter([hidden[name](body)]) if name in hidden else values_at(body, name)

    # The table of the guide has one filter with a single sign: attributes.sampleAttribute="abc".
    if operator in ("==", "=", "!="):
        options = {_text(name, _unquoted(option)) for option in operand.split(",")}
        is_not = operator == "!="
        return lambda body: any(_text(name, value) in options for value in values(body)) is not is_not
    if operator in _ORDERING:
        if "," in operand:
            raise FlowServiceError("1443-400", operator=operator)
        holds = _ORDERING[operator]
        return lambda body: any(_compare_values(holds, value, _unquoted(operand)) for value in values(body))
    raise FlowServiceError("1440-400" if operator == "~" else "1450-400", operator=operator)


def _unquoted(text: str) -> str:
    """Remove the quotes: EP:sources/tutorials/api/collect/protocols.md has ``flowSpecs?property=name=="CRMToAEP"``."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _text(name: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.lower() if name.rpartition(".")[2] in _ANY_CASE else text


def _compare_values(holds: Callable[..., bool], value: object, operand: str) -> bool:
    if isinstance(value, str):
        return holds(value, operand)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return holds(float(value), float(operand))
    except (ValueError, OverflowError):
        return False
