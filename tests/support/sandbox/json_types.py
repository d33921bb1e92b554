"""Types of JSON documents: the tests of the sandbox do not import ``include``."""

from typing import Any, TypeAlias

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"
"""A JSON value of any shape."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object whose shape the documentation of a service or a test gives."""
