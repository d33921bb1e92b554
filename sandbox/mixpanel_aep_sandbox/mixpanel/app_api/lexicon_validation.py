"""Validation of Lexicon schemas, after ``lexicon-schemas.openapi.yaml``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

from mixpanel_aep_sandbox.core.json_types import JsonObject

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
    """Additional keywords are kept: the specification forbids them, but the guide's own example has ``examples``."""

    type: Literal["array", "boolean", "integer", "null", "number", "object", "string"]
    description: StrictStr | None = None
    metadata: _OfProperty | None = None


class Schema(BaseModel):
    """JSON Schema with Mixpanel's metadata; additional keywords (``required``, ``$schema``) are allowed and kept."""

    description: StrictStr | None = None
    properties: dict[StrictStr, _Property] | None = None
    metadata: _OfEntity | None = None


class Entry(_Form):
    """One schema of an upload."""

    entityType: EntityType
    name: StrictStr
    schemaJson: JsonObject

    @property
    def size(self) -> int:
        """Return the number of entities for the limit: the entity and its properties."""
        return 1 + len(self.schemaJson.get("properties") or ())


class Upload(_Form):
    """The body of an upload."""

    entries: list[Entry]
    truncate: StrictBool = False
