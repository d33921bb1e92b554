"""Name the XDM fields of properties by one rule for all projects, and read the names file of assigned fields."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from include.errors import ConfigError
from include.json_types import JsonObject

NAMES = Path(__file__).parents[2] / "pipelines" / "names"
_LONGEST = 48
_PLAIN = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_SUFFIXED = re.compile(r".*_[0-9a-f]{8}")

# Reserved words of ANSI SQL, which Adobe's Query Service cannot read without quotes, and reserved words of XDM.
_RESERVED = re.compile(
    "all|and|any|as|between|both|by|case|cast|check|collate|column|constraint|create|cross|current_date|"
    "current_time|current_timestamp|current_user|distinct|drop|else|end|escape|except|exists|false|fetch|"
    "filter|for|foreign|from|full|grant|group|having|in|inner|intersect|into|is|join|lateral|leading|left|"
    "like|limit|natural|not|null|offset|on|only|or|order|outer|overlaps|primary|references|right|select|"
    "session_user|some|table|then|time|timestamp|to|trailing|true|union|unique|unknown|user|using|values|"
    "when|where|with"
)


def field_name(name: str) -> str:
    """Return the name of the XDM field of a property; it depends only on the property's name, not on other properties.

    A name in plain snake_case is kept. Every other name is converted to that form as far as possible, with eight digits
    of its hash as a suffix: two names never share a field, even where case is ignored, as in DuckDB and Query Service.
    Fields consist of letters, digits, dash and underscore, and do not start with an underscore
    (EP:xdm/schema/field-constraints.md).
    """
    if (
        _PLAIN.fullmatch(name)
        and len(name) <= _LONGEST
        and not _RESERVED.fullmatch(name)
        and not _SUFFIXED.fullmatch(name)
    ):
        return name
    suffix = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", ascii_only).lower())
    stem = "_".join(words)[:_LONGEST].rstrip("_")
    if not stem[:1].isalpha():
        stem = f"p_{stem}".rstrip("_")
    return f"{stem}_{suffix}"


@dataclass(frozen=True)
class AssignedField:
    """The XDM field that was assigned to a source.

    ``field``: its path below the tenant, as in a mapping; ``definition``: its JSON Schema.
    """

    field: str
    definition: JsonObject


@dataclass
class FieldAssignments:
    """All fields that were ever assigned to sources: the content of a pipeline's names file.

    The keys of ``fields`` are sources as in a mapping, such as ``properties.plan``.
    """

    fields: dict[str, AssignedField] = field(default_factory=dict)

    def has_field_inside(self, source: str) -> bool:
        """Return whether a member or an item of a source has its own field."""
        return any(key.startswith((f"{source}.", f"{source}[*]")) for key in self.fields)

    def to_json(self) -> bytes:
        """Return the content of the names file: a JSON text with every source and its field."""
        fields = {
            source: {"field": entry.field, "definition": entry.definition}
            for source, entry in sorted(self.fields.items())
        }
        return json.dumps({"fields": fields}, indent=2).encode() + b"\n"


def read_assignments(path: Path) -> FieldAssignments:
    """Read a pipeline's names file; a file that does not exist yet has no assignments.

    Raises:
        ConfigError: the file is not a names file.
    """
    if not path.is_file():
        return FieldAssignments()
    try:
        fields = json.loads(path.read_bytes())["fields"]
        return FieldAssignments(
            {
                source: AssignedField(str(entry["field"]), dict(entry["definition"]))
                for source, entry in fields.items()
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(
            f"{path.name} in include/pipelines/names cannot be read.",
            "Restore the file from version control.",
        ) from None
