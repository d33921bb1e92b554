"""JSON Patch (RFC 6902) and merging."""

from __future__ import annotations

import copy
from typing import Any

from include.sandbox.aep.problems import problem


def json_patch(document: dict[str, Any], operations: Any) -> dict[str, Any]:
    """A patched copy. Raises Problem 400 for an operation that is none or does not fit."""
    if not isinstance(operations, list) or not operations:
        raise problem(400, "The request body must be a non-empty array of JSON Patch operations.")
    patched: Any = copy.deepcopy(document)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise problem(400, "A JSON Patch operation needs op and path.")
        try:
            patched = _apply(patched, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            op, path = operation.get("op"), operation["path"]
            raise problem(400, f"Cannot apply JSON Patch operation '{op}' at '{path}'.") from error
    if not isinstance(patched, dict):
        raise problem(400, "A patch cannot replace the whole object by something else.")
    return patched


def deep_merge(base: Any, change: Any) -> Any:
    """``change`` over ``base``: objects are merged, everything else is replaced, null removes (RFC 7396)."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    merged = dict(base)
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = deep_merge(base.get(key), value)
    return merged


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    op, tokens = operation.get("op"), _tokens(operation["path"])
    if op == "add":
        return _add(document, tokens, copy.deepcopy(operation["value"]))
    if op == "remove":
        _remove(document, tokens)
    elif op == "replace":
        _remove(document, tokens)
        return _add(document, tokens, copy.deepcopy(operation["value"]))
    elif op == "move":
        return _add(document, tokens, _remove(document, _tokens(operation["from"])))
    elif op == "copy":
        return _add(document, tokens, copy.deepcopy(_find(document, _tokens(operation["from"]))))
    elif op == "test":
        if _find(document, tokens) != operation["value"]:
            raise ValueError
    else:
        raise ValueError
    return document


def _tokens(path: str) -> list[str]:
    if path == "":
        return []
    if not path.startswith("/"):
        raise ValueError
    return [token.replace("~1", "/").replace("~0", "~") for token in path[1:].split("/")]


def _find(document: Any, tokens: list[str]) -> Any:
    for token in tokens:
        document = document[_index(document, token)] if isinstance(document, list) else document[token]
    return document


def _index(array: list[Any], part: str, *, grows: bool = False) -> int:
    if grows and part == "-":
        return len(array)
    if not part.isdigit() or int(part) >= len(array) + grows:
        raise IndexError
    return int(part)


def _add(document: Any, tokens: list[str], value: Any) -> Any:
    if not tokens:
        return value
    parent = _find(document, tokens[:-1])
    if isinstance(parent, list):
        parent.insert(_index(parent, tokens[-1], grows=True), value)
    elif isinstance(parent, dict):
        parent[tokens[-1]] = value
    else:
        raise TypeError
    return document


def _remove(document: Any, tokens: list[str]) -> Any:
    parent = _find(document, tokens[:-1])
    if isinstance(parent, list):
        return parent.pop(_index(parent, tokens[-1]))
    return parent.pop(tokens[-1])
