"""Type aliases for JSON values and JSON objects."""

from collections.abc import Mapping
from typing import Any, TypeAlias

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"
"""Any JSON value, whose type has to be checked before it is used."""

# Members have the type Any, as the json module returns them: the code relies on the types that a service documents.
JsonObject: TypeAlias = dict[str, Any]
"""A JSON object; the service that returns it documents the types of its members."""
JsonMapping: TypeAlias = Mapping[str, Any]
"""A ``JsonObject`` that is only read."""
