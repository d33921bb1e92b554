"""Which field a property gets: one rule for all projects, and a book that keeps what was once given."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.errors import ConfigError

NAMES = Path(__file__).parents[2] / "pipelines" / "names"
_LONGEST = 48
_PLAIN = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_MARKED = re.compile(r".*_[0-9a-f]{8}")

# Words that Adobe's Query Service cannot read without quotes (ANSI SQL's reserved ones), and XDM's own.
_RESERVED = re.compile(
    "all|and|any|as|between|both|by|case|cast|check|collate|column|constraint|create|cross|current_date|"
    "current_time|current_timestamp|current_user|distinct|drop|else|end|escape|except|exists|false|fetch|"
    "filter|for|foreign|from|full|grant|group|having|in|inner|intersect|into|is|join|lateral|leading|left|"
    "like|limit|natural|not|null|offset|on|only|or|order|outer|overlaps|primary|references|right|select|"
    "session_user|some|table|then|time|timestamp|to|trailing|true|union|unique|unknown|user|using|values|"
    "when|where|with"
)


def field_name(name: str) -> str:
    """The XDM field of a property: a function of the property's name alone, so that neither order nor company matters.

    A name in plain snake_case is the field's. Every other one is brought into that form as far as it goes, and marked
    with eight digits of its hash: two names never get one field, also not where case is ignored, as DuckDB and Query
    Service do. Fields hold letters, digits, dash and underscore, and start with no underscore (EP:xdm/schema/field-constraints.md).
    """
    if (
        _PLAIN.fullmatch(name)
        and len(name) <= _LONGEST
        and not _RESERVED.fullmatch(name)
        and not _MARKED.fullmatch(name)
    ):
        return name
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", ascii_only).lower())
    stem = "_".join(words)[:_LONGEST].rstrip("_")
    if not stem[:1].isalpha():
        stem = f"p_{stem}".rstrip("_")
    return f"{stem}_{mark}"


@dataclass(frozen=True)
class AssignedField:
    """A field that was given: its path below the tenant, as a mapping writes it, and its JSON Schema."""

    field: str
    definition: Mapping[str, Any]


@dataclass
class NamesBook:
    """What was given to which source, for ever. Keys are sources as a mapping writes them."""

    given: dict[str, AssignedField] = field(default_factory=dict)

    def below(self, source: str) -> bool:
        """Whether something inside a source has a field of its own."""
        return any(key.startswith((f"{source}.", f"{source}[*]")) for key in self.given)

    def to_json(self) -> bytes:
        fields = {
            source: {"field": entry.field, "definition": entry.definition}
            for source, entry in sorted(self.given.items())
        }
        return json.dumps({"fields": fields}, indent=2).encode() + b"\n"


def read_names(path: Path) -> NamesBook:
    """The book of a pipeline; an empty one where there is none yet.

    Raises:
        ConfigError: the file is none.
    """
    if not path.is_file():
        return NamesBook()
    try:
        fields = json.loads(path.read_bytes())["fields"]
        return NamesBook(
            {
                source: AssignedField(str(entry["field"]), dict(entry["definition"]))
                for source, entry in fields.items()
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(
            f"{path.name} in include/pipelines/names cannot be read.", "Restore it from version control."
        ) from None
