"""The type of parsed JSON.

``json.loads`` and ``json.dumps`` have no narrower types than ``Any`` for the members of an object. A function that
accepts any JSON value has a parameter of type ``object`` and checks it with ``isinstance``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object: names and JSON values."""
