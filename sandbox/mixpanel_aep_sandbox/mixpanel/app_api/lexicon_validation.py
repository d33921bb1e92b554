"""The form of Lexicon schemas, as ``lexicon-schemas.openapi.yaml`` has it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

EntityType = Literal["event", "profile"]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class _PropertyMetadata(_Form):
    displayName: StrictStr | None = None
    hidden: StrictBool | None = None
    dropped: StrictBool | None = None


class _EntityMetadata(_PropertyMetadata):
    source: StrictStr | None = Field(default=None, alias="$source")
    tags: list[StrictStr] | None = None
    contacts: list[StrictStr] | None = None
    teamContacts: list[StrictStr] | None = None


class _OfProperty(BaseModel):
    mixpanel: _PropertyMetadata | None = Field(default=None, alias="com.mixpanel")


class _OfEntity(BaseModel):
    mixpanel: _EntityMetadata | None = Field(default=None, alias="com.mixpanel")


class _Property(BaseModel):
    """Other keywords are kept: the specification forbids them, and the guide's own example has ``examples``."""

    type: Literal["array", "boolean", "integer", "null", "number", "object", "string"]
    description: StrictStr | None = None
    metadata: _OfProperty | None = None


class Schema(BaseModel):
    """JSON Schema with Mixpanel's metadata; other keywords (``required``, ``$schema``) are allowed and kept."""

    description: StrictStr | None = None
    properties: dict[StrictStr, _Property] | None = None
    metadata: _OfEntity | None = None


class Entry(_Form):
    entityType: EntityType
    name: StrictStr
    schemaJson: dict[str, Any]

    @property
    def size(self) -> int:
        """How much of a data dictionary it is: an entity and its properties."""
        return 1 + len(self.schemaJson.get("properties") or ())


class Upload(_Form):
    entries: list[Entry]
    truncate: StrictBool = False
