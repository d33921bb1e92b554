"""The kinds of changes that setup can make in AEP, each with its description for the user and its request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from include.aep.client import AepClient
from include.aep.model import Dataset
from include.aep.ownership import Ownership
from include.aep.setup.field_group import FieldGroupPlan
from include.json_types import JsonMapping, JsonObject

_REVERSIBLE = ("create_schema", "create_dataset", "tag_dataset")
Details = tuple[tuple[str, str], ...]
"""Rows of two texts that show the parts of a change, such as the path and the type of each new field."""


@dataclass
class ChangeContext:
    """What the changes of a plan need for their requests, including the ids of objects that earlier changes created.

    The ids are those of the schema, of the pipeline's own field group, and of the dataset; each is "" until the object
    exists. ``owner``: the owner whose tags the dataset gets.
    """

    aep: AepClient
    owner: Ownership
    schema_id: str = ""
    group_id: str = ""
    dataset_id: str = ""


@dataclass(frozen=True)
class Change:
    """One change of a plan, which is made by one request to AEP.

    Attributes:
        what: the change as an imperative clause, such as ``create dataset 'Events'``.
        done: the same clause in the past tense.
        config_key: the key of the pipeline file that requires the change.
        details: rows of two texts for display, such as the path and the type of each new field.
        kind: the kind of the change in ``--json`` output.
        permission: the AEP permission that the change needs (EP:access-control/home.md#permissions).
    """

    what: str
    done: str
    config_key: str
    details: Details = ()
    kind: ClassVar[str]
    permission: ClassVar[str] = "Manage Schemas"

    @property
    def permanent(self) -> bool:
        """Whether AEP cannot undo the change."""
        return self.kind not in _REVERSIBLE

    def send(self, context: ChangeContext) -> None:
        """Send the request that makes the change, and write the id of an object that it creates into ``context``."""
        raise NotImplementedError

    def to_json(self) -> JsonObject:
        """Return the change as ``--json`` prints it."""
        return {
            "kind": self.kind,
            "what": self.what,
            "permanent": self.permanent,
            "config_key": self.config_key,
            "details": [list(row) for row in self.details],
        }


@dataclass(frozen=True)
class CreateNamespace(Change):
    """Create an identity namespace, which AEP cannot delete again."""

    kind = "create_namespace"
    permission = "Manage Identity Namespaces"
    code: str = ""
    id_type: str = ""
    description: str = ""

    def send(self, context: ChangeContext) -> None:
        """Create the namespace."""
        context.aep.identity.create(self.code, self.code, self.id_type, self.description)


@dataclass(frozen=True)
class CreateFieldGroup(Change):
    """Create the pipeline's own field group, from which AEP cannot remove single fields again."""

    kind = "create_field_group"
    body: JsonMapping = field(default_factory=dict)

    def send(self, context: ChangeContext) -> None:
        """Create the field group."""
        context.group_id = str(context.aep.registry.create("fieldgroups", self.body)["$id"])


@dataclass(frozen=True)
class GrowFieldGroup(Change):
    """Add fields to the pipeline's own field group, or relax constraints of its fields."""

    kind = "grow_field_group"
    plan: FieldGroupPlan | None = None

    def send(self, context: ChangeContext) -> None:
        """Send the planned JSON Patch of the field group to AEP."""
        assert self.plan is not None and self.plan.group_id is not None
        context.aep.registry.patch("fieldgroups", self.plan.group_id, self.plan.operations)


@dataclass(frozen=True)
class CreateSchema(Change):
    """Create the schema from the class and field groups ``parts`` (``$id``s).

    ``with_own_group``: whether it also gets the pipeline's own field group, which an earlier change may create.
    """

    kind = "create_schema"
    title: str = ""
    description: str = ""
    parts: tuple[str, ...] = ()
    with_own_group: bool = False

    def send(self, context: ChangeContext) -> None:
        """Create the schema."""
        parts = [*self.parts, *([context.group_id] if self.with_own_group else [])]
        body = {
            "title": self.title,
            "description": self.description,
            "type": "object",
            "allOf": [{"$ref": part} for part in parts],
        }
        context.schema_id = str(context.aep.registry.create("schemas", body)["$id"])


@dataclass(frozen=True)
class ExtendSchema(Change):
    """Add field groups to the schema; ``parts`` and ``with_own_group`` as in ``CreateSchema``."""

    kind = "extend_schema"
    parts: tuple[str, ...] = ()
    with_own_group: bool = False

    def send(self, context: ChangeContext) -> None:
        """Add the field groups to the schema in AEP."""
        parts = [*self.parts, *([context.group_id] if self.with_own_group else [])]
        operations = [{"op": "add", "path": "/allOf/-", "value": {"$ref": part}} for part in parts]
        context.aep.registry.patch("schemas", context.schema_id, operations)


@dataclass(frozen=True)
class MarkIdentity(Change):
    """Mark the field with the path ``pointer``, such as ``/_tenant/userId``, as an identity of ``namespace``."""

    kind = "mark_identity"
    permission = "Manage Identity Metadata"
    pointer: str = ""
    namespace: str = ""
    primary: bool = False

    def send(self, context: ChangeContext) -> None:
        """Create the identity descriptor of the field."""
        context.aep.registry.create_descriptor(
            {
                "@type": "xdm:descriptorIdentity",
                "xdm:sourceSchema": context.schema_id,
                "xdm:sourceVersion": 1,
                "xdm:sourceProperty": self.pointer,
                "xdm:namespace": self.namespace,
                "xdm:property": "xdm:code",
                "xdm:isPrimary": self.primary,
            }
        )

    @property
    def permanent(self) -> bool:
        """Whether the field becomes the primary identity, which AEP cannot undo."""
        return self.primary


@dataclass(frozen=True)
class EnableSchema(Change):
    """Enable the schema for Profile, which AEP cannot undo."""

    kind = "enable_schema"

    def send(self, context: ChangeContext) -> None:
        """Add the tag ``union`` to the schema, which makes the schema part of Profile's union schema."""
        union_tag = {"op": "add", "path": "/meta:immutableTags", "value": ["union"]}
        context.aep.registry.patch("schemas", context.schema_id, [union_tag])


@dataclass(frozen=True)
class CreateDataset(Change):
    """Create the dataset, with its ownership tags."""

    kind = "create_dataset"
    permission = "Manage Datasets"
    name: str = ""
    description: str = ""
    tags: Mapping[str, list[str]] = field(default_factory=dict)
    """The tags that enable the dataset for Profile, if any; ``send`` adds the ownership tags."""

    def send(self, context: ChangeContext) -> None:
        """Create the dataset with all its tags."""
        reference = {"id": context.schema_id, "contentType": "application/vnd.adobe.xed+json;version=1"}
        context.dataset_id = context.aep.catalog.create_dataset(
            {
                "name": self.name,
                "description": self.description,
                "schemaRef": reference,
                "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
                "enableErrorDiagnostics": True,
                "tags": {**self.tags, **context.owner.new_tags({})},
            }
        )


@dataclass(frozen=True)
class EnableDataset(Change):
    """Enable the dataset for Profile. The dataset can be disabled again, but data that reached Profile stays there."""

    kind = "enable_dataset"
    permission = "Manage Datasets"
    dataset: Dataset | None = None
    tags: Mapping[str, list[str]] = field(default_factory=dict)

    def send(self, context: ChangeContext) -> None:
        """Write the tags that enable the dataset for Profile."""
        assert self.dataset is not None
        context.aep.catalog.tag_dataset(self.dataset, self.tags)


@dataclass(frozen=True)
class TagDataset(Change):
    """Write the ownership tags that an existing dataset, with its tags before this change, does not have."""

    kind = "tag_dataset"
    permission = "Manage Datasets"
    dataset: Dataset | None = None

    def send(self, context: ChangeContext) -> None:
        """Write the ownership tags to the dataset in AEP."""
        assert self.dataset is not None
        context.aep.catalog.tag_dataset(self.dataset, context.owner.new_tags(self.dataset["tags"]))
