"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396)."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.core.json_types import JsonObject

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


class _PatchError(Exception):
    """A JSON Patch operation is invalid, or its path does not exist in the document.

    The message is a clause for the end of the error's sentence.
    """


def json_patch(document: JsonObject, operations: object) -> JsonObject:
    """Apply JSON Patch operations in order to a copy of a document, and return the copy.

    Raises Problem 400 if an operation is invalid, or its path does not exist in the document.
    """
    if not isinstance(operations, list) or not operations:
        raise problem(400, "The request body must be a non-empty array of JSON Patch operations.")
    patched: object = copy.deepcopy(document)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise problem(400, "A JSON Patch operation requires op and path.")
        try:
            patched = _apply(patched, operation)
        except _PatchError as error:
            op, path = operation.get("op"), operation["path"]
            raise problem(400, f"Cannot apply JSON Patch operation '{op}' at '{path}': {error}.") from error
    if not isinstance(patched, dict):
        raise problem(400, "A patch cannot replace the whole object by another kind of value.")
    return patched


def deep_merge(base: object, change: object) -> Any:
    """Return the result of a JSON Merge Patch (RFC 7396): null removes a key, and objects are merged recursively.

    Args:
        base: The value to change; it is not modified.
        change: The patch.
    """
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    merged = dict(base)
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = deep_merge(base.get(key), value)
    return merged


def _apply(document: object, operation: JsonObject) -> object:
    """Apply one operation, and return the changed document. Raises _PatchError."""
    op, tokens = operation.get("op"), _tokens(operation["path"])
    if op in ("add", "replace", "test"):
        if "value" not in operation:
            raise _PatchError("it has no value")
        value = copy.deepcopy(operation["value"])
        if op == "test":
            if not _equal(_value_at(document, tokens), value):
                raise _PatchError("the test failed")
            return document
        if op == "replace" and tokens:
            document, _ = _remove_value(document, tokens)
        return _add_value(document, tokens, value)
    if op == "remove":
        return _remove_value(document, tokens)[0]
    if op not in ("move", "copy"):
        raise _PatchError("the operation is not defined by RFC 6902")
    source = _tokens(operation.get("from"))
    if op == "copy":
        return _add_value(document, tokens, copy.deepcopy(_value_at(document, source)))
    if source == tokens[: len(source)] and source != tokens:
        raise _PatchError("a value cannot be moved into itself")
    document, value = _remove_value(document, source)
    return _add_value(document, tokens, value)


def _tokens(path: object) -> list[str]:
    """Split a JSON Pointer into its decoded parts. Raises _PatchError if it is invalid."""
    if path == "":
        return []
    if not isinstance(path, str) or not path.startswith("/") or re.search(r"~(?![01])", path):
        raise _PatchError("the path is not a JSON Pointer")
    return [token.replace("~1", "/").replace("~0", "~") for token in path[1:].split("/")]


def _value_at(document: object, tokens: list[str]) -> object:
    """Return the value at a JSON Pointer, given as its decoded parts. Raises _PatchError if it does not exist."""
    for token in tokens:
        if isinstance(document, list):
            document = document[_index(document, token)]
        elif isinstance(document, dict) and token in document:
            document = document[token]
        else:
            raise _PatchError(f"'{token}' does not exist")
    return document


def _index(array: Sequence[object], part: str, *, grows: bool = False) -> int:
    """Return the array index that a part of a pointer means.

    Args:
        array: The array.
        part: The part of the pointer.
        grows: Whether the index after the last item is allowed.

    Raises:
        _PatchError: the array has no such element.
    """
    if grows and part == "-":
        return len(array)
    if _INDEX.fullmatch(part) is None or int(part) >= len(array) + grows:
        raise _PatchError(f"element '{part}' does not exist")
    return int(part)


def _add_value(document: object, tokens: list[str], value: object) -> object:
    if not tokens:
        return value
    parent = _value_at(document, tokens[:-1])
    if isinstance(parent, list):
        parent.insert(_index(parent, tokens[-1], grows=True), value)
    elif isinstance(parent, dict):
        parent[tokens[-1]] = value
    else:
        raise _PatchError("nothing can be added to a plain value")
    return document


def _remove_value(document: object, tokens: list[str]) -> tuple[object, object]:
    """Remove the value at a path; return the document and the removed value."""
    value = _value_at(document, tokens)
    if not tokens:
        raise _PatchError("the whole document cannot be removed")
    parent = _value_at(document, tokens[:-1])
    if isinstance(parent, list):
        del parent[_index(parent, tokens[-1])]
    elif isinstance(parent, dict):
        del parent[tokens[-1]]
    return document, value


def _equal(left: object, right: object) -> bool:
    """Return whether two JSON values are equal: 1 equals 1.0 but does not equal true."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)
