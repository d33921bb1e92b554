"""Models that validate uploads of Lexicon schemas, as Mixpanel's ``lexicon-schemas.openapi.yaml`` defines them."""

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


class _MetadataOfProperty(BaseModel):
    mixpanel: _PropertyMetadata | None = Field(default=None, alias="com.mixpanel")


class _MetadataOfEntity(BaseModel):
    mixpanel: _EntityMetadata | None = Field(default=None, alias="com.mixpanel")


class _Property(BaseModel):
    """The schema of a property.

    Additional keywords are accepted: the specification forbids them, but an example in the guide has ``examples``.
    """

    type: Literal["array", "boolean", "integer", "null", "number", "object", "string"]
    description: StrictStr | None = None
    metadata: _MetadataOfProperty | None = None


class Schema(BaseModel):
    """The JSON Schema of an event or profile, with Mixpanel's metadata; additional keywords are accepted."""

    description: StrictStr | None = None
    properties: dict[StrictStr, _Property] | None = None
    metadata: _MetadataOfEntity | None = None


class Entry(_Form):
    """One schema in an upload, with its entity type and name."""

    entityType: EntityType
    name: StrictStr
    schemaJson: JsonObject

    @property
    def size(self) -> int:
        """The number of changed entities that counts against the rate limit: 1 plus the number of properties."""
        return 1 + len(self.schemaJson.get("properties") or ())


class Upload(_Form):
    """The body of an upload of schemas; ``truncate`` deletes all schemas that the upload does not contain."""

    entries: list[Entry]
    truncate: StrictBool = False
