"""Types of JSON documents."""

from collections.abc import Mapping
from typing import Any, TypeAlias

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"
"""A value of which nothing is known yet: the reader checks it before use."""

# The json module returns Any. Members of a document whose shape a service documents are used as that shape; a wrong
# type is an error of that service.
JsonObject: TypeAlias = dict[str, Any]
"""A JSON object of a documented shape."""
JsonMapping: TypeAlias = Mapping[str, Any]
"""A JSON object of a documented shape that is only read."""
