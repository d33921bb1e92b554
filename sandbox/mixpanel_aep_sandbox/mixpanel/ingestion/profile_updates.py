"""Validation and execution of profile updates, sent to ``/engage`` (users) or ``/groups`` (groups).

Source: mixpanel/docs, openapi/ingestion.openapi.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.ingestion.validation import ValidationFault

MOST_UPDATE_BYTES = 1024 * 1024
Properties = JsonObject
Change = Callable[..., Properties]
"""Function from a profile's properties and an operation's argument to the changed properties."""
Form = Callable[[object], bool]
"""Function that returns whether an operation's argument is valid."""


def update_fault(record: object, *, group: bool) -> ValidationFault | None:
    """Validate a profile update; return its first fault, or None if it is valid.

    Args:
        record: the update, which may be any JSON value.
        group: whether it is the update of a group profile, which was sent to ``/groups``.
    """
    if not isinstance(record, dict):
        return ValidationFault("", "the update is not an object")
    for name in ("$token", "$group_key", "$group_id") if group else ("$token", "$distinct_id"):
        value = record.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            return ValidationFault(name, f"{name}, missing or empty")
    if len(json.dumps(record, separators=(",", ":"))) > MOST_UPDATE_BYTES:
        return ValidationFault("", f"the update is larger than {MOST_UPDATE_BYTES} bytes")
    operations = [name for name in _OPERATIONS if name in record]
    if not operations:
        return ValidationFault("", "the update has no operation")
    for name in operations:
        if not _FORMS[name](record[name]):
            return ValidationFault(name, f"{name} is invalid")
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return ValidationFault("", "string should be valid utf8")
    return None


def is_deletion(record: JsonObject) -> bool:
    """Return whether a valid update deletes the profile."""
    return "$delete" in record


def changed_properties(properties: Properties, record: JsonObject) -> Properties:
    """Return the properties of a profile after a valid update, in a new dict; ``$delete`` has no effect here."""
    for name, change in _OPERATIONS.items():
        if name in record and name != "$delete":
            properties = change(dict(properties), record[name])
    return properties


def _set(properties: Properties, given: JsonObject) -> Properties:
    """Return the properties after ``$set``, which replaces existing values."""
    return {**properties, **given}


def _set_once(properties: Properties, given: JsonObject) -> Properties:
    """Return the properties after ``$set_once``, which does not replace existing values."""
    return {**given, **properties}


def _add(properties: Properties, given: JsonObject) -> Properties:
    """Add numbers to properties; a property that is missing or not a number counts as 0."""
    for name, value in given.items():
        before = properties.get(name, 0)
        properties[name] = (before if _is_number(before) else 0) + value
    return properties


def _append(properties: Properties, given: JsonObject) -> Properties:
    """Append one value to each named list; a property that is not a list is replaced by a new list."""
    for name, value in given.items():
        properties[name] = [*_list_or_empty(properties.get(name)), value]
    return properties


def _union(properties: Properties, given: JsonObject) -> Properties:
    """Append the values that each named list does not contain yet."""
    for name, values in given.items():
        before = _list_or_empty(properties.get(name))
        new = [value for n, value in enumerate(values) if value not in before + values[:n]]
        properties[name] = before + new
    return properties


def _remove(properties: Properties, given: JsonObject) -> Properties:
    """Remove a value from each named list; properties that are not lists do not change, as documented."""
    for name, value in given.items():
        before = properties.get(name)
        if isinstance(before, list):
            properties[name] = [each for each in before if each != value]
    return properties


def _unset(properties: Properties, given: list[str]) -> Properties:
    """Return the properties after ``$unset``, which removes properties by name."""
    return {name: value for name, value in properties.items() if name not in given}


def _list_or_empty(value: object) -> list[object]:
    """Return a copy of the value if it is a list, otherwise an empty list."""
    return list(value) if isinstance(value, list) else []


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


_OPERATIONS: dict[str, Change] = {
    "$set": _set,
    "$set_once": _set_once,
    "$add": _add,
    "$append": _append,
    "$union": _union,
    "$remove": _remove,
    "$unset": _unset,
    "$delete": lambda properties, _: properties,
}
_FORMS: dict[str, Form] = {
    **dict.fromkeys(("$set", "$set_once", "$append", "$remove"), _is_object),
    "$add": lambda given: isinstance(given, dict) and all(map(_is_number, given.values())),
    "$union": lambda given: (
        isinstance(given, dict) and all(isinstance(each, list) for each in given.values())
    ),
    "$unset": lambda given: isinstance(given, list) and all(isinstance(each, str) for each in given),
    "$delete": lambda _: True,
}
