"""Type aliases for JSON values and JSON objects."""

from collections.abc import Mapping
from typing import Any, TypeAlias

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"
"""Any JSON value. Its type is unknown, so the code that reads it must check the type."""

# The json module returns Any. Members of a document whose shape a service documents are used as that shape; a wrong
# type is an error of that service.
JsonObject: TypeAlias = dict[str, Any]
"""A JSON object whose members are documented by the service that returns it."""
JsonMapping: TypeAlias = Mapping[str, Any]
"""The same as ``JsonObject``, for functions that do not change the object."""
