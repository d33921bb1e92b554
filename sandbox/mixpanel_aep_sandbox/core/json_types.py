"""The type of parsed JSON objects.

The type stubs of ``json.loads`` and ``json.dumps`` declare ``Any`` for the values in an object. A function that accepts
any JSON value declares its parameter as ``object`` and checks the value with ``isinstance``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object: a dict from names to JSON values."""
