"""The changes of a plan: what each is, whether it can be undone, who may make it, and the one request that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from include.aep.client import AepClient
from include.aep.model import Dataset
from include.aep.ownership import Ownership
from include.aep.setup.field_group import FieldGroupPlan

_REVERSIBLE = ("create_schema", "create_dataset", "tag_dataset")
Details = tuple[tuple[str, str], ...]


@dataclass
class ChangeContext:
    """A plan that is being executed: who changes what, and the ids of what the plan has created so far."""

    aep: AepClient
    owner: Ownership
    schema_id: str = ""
    group_id: str = ""
    dataset_id: str = ""


@dataclass(frozen=True)
class Change:
    """One change. ``what`` it does, as an imperative clause; ``done``, in the past tense; ``details``, for people.

    ``word``: the key of the pipeline file that wants it. ``right``: what a role in AEP needs for it
    (EP:access-control/home.md#permissions).
    """

    what: str
    done: str
    word: str
    details: Details = ()
    kind: ClassVar[str]
    right: ClassVar[str] = "Manage Schemas"

    @property
    def permanent(self) -> bool:
        """Whether AEP has no way to undo it."""
        return self.kind not in _REVERSIBLE

    def send(self, doing: ChangeContext) -> None:
        """Make the change."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return the change as ``--json`` prints it."""
        return {
            "kind": self.kind,
            "what": self.what,
            "permanent": self.permanent,
            "word": self.word,
            "details": [list(row) for row in self.details],
        }


@dataclass(frozen=True)
class CreateNamespace(Change):
    kind = "create_namespace"
    right = "Manage Identity Namespaces"
    code: str = ""
    id_type: str = ""
    description: str = ""

    def send(self, doing: ChangeContext) -> None:
        doing.aep.identity.create(self.code, self.code, self.id_type, self.description)


@dataclass(frozen=True)
class CreateFieldGroup(Change):
    """It can be removed as long as no schema in use has it; its fields can not."""

    kind = "create_field_group"
    body: Mapping[str, Any] = field(default_factory=dict)

    def send(self, doing: ChangeContext) -> None:
        doing.group_id = str(doing.aep.registry.create("fieldgroups", self.body)["$id"])


@dataclass(frozen=True)
class GrowFieldGroup(Change):
    kind = "grow_field_group"
    plan: FieldGroupPlan | None = None

    def send(self, doing: ChangeContext) -> None:
        assert self.plan is not None and self.plan.group_id is not None
        doing.aep.registry.patch("fieldgroups", self.plan.group_id, self.plan.operations)


@dataclass(frozen=True)
class CreateSchema(Change):
    """``parts``: ``$id``s of class and field groups; with ``own`` also the pipeline's own field group."""

    kind = "create_schema"
    title: str = ""
    description: str = ""
    parts: tuple[str, ...] = ()
    own: bool = False

    def send(self, doing: ChangeContext) -> None:
        parts = [*self.parts, *([doing.group_id] if self.own else [])]
        body = {
            "title": self.title,
            "description": self.description,
            "type": "object",
            "allOf": [{"$ref": part} for part in parts],
        }
        doing.schema_id = str(doing.aep.registry.create("schemas", body)["$id"])


@dataclass(frozen=True)
class ExtendSchema(Change):
    kind = "extend_schema"
    parts: tuple[str, ...] = ()
    own: bool = False

    def send(self, doing: ChangeContext) -> None:
        parts = [*self.parts, *([doing.group_id] if self.own else [])]
        operations = [{"op": "add", "path": "/allOf/-", "value": {"$ref": part}} for part in parts]
        doing.aep.registry.patch("schemas", doing.schema_id, operations)


@dataclass(frozen=True)
class MarkIdentity(Change):
    kind = "mark_identity"
    right = "Manage Identity Metadata"
    pointer: str = ""
    namespace: str = ""
    primary: bool = False

    def send(self, doing: ChangeContext) -> None:
        doing.aep.registry.create_descriptor(
            {
                "@type": "xdm:descriptorIdentity",
                "xdm:sourceSchema": doing.schema_id,
                "xdm:sourceVersion": 1,
                "xdm:sourceProperty": self.pointer,
                "xdm:namespace": self.namespace,
                "xdm:property": "xdm:code",
                "xdm:isPrimary": self.primary,
            }
        )

    @property
    def permanent(self) -> bool:
        return self.primary


@dataclass(frozen=True)
class EnableSchema(Change):
    kind = "enable_schema"

    def send(self, doing: ChangeContext) -> None:
        union = {"op": "add", "path": "/meta:immutableTags", "value": ["union"]}
        doing.aep.registry.patch("schemas", doing.schema_id, [union])


@dataclass(frozen=True)
class CreateDataset(Change):
    kind = "create_dataset"
    right = "Manage Datasets"
    name: str = ""
    description: str = ""
    tags: Mapping[str, list[str]] = field(default_factory=dict)
    """Those of Profile; those that say whose it is are added."""

    def send(self, doing: ChangeContext) -> None:
        reference = {"id": doing.schema_id, "contentType": "application/vnd.adobe.xed+json;version=1"}
        doing.dataset_id = doing.aep.catalog.create_dataset(
            {
                "name": self.name,
                "description": self.description,
                "schemaRef": reference,
                "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
                "enableErrorDiagnostics": True,
                "tags": {**self.tags, **doing.owner.new_tags({})},
            }
        )


@dataclass(frozen=True)
class EnableDataset(Change):
    """The dataset can be disabled again; what has reached Profile by then stays there."""

    kind = "enable_dataset"
    right = "Manage Datasets"
    dataset: Dataset | None = None
    tags: Mapping[str, list[str]] = field(default_factory=dict)

    def send(self, doing: ChangeContext) -> None:
        assert self.dataset is not None
        doing.aep.catalog.tag_dataset(self.dataset, self.tags)


@dataclass(frozen=True)
class TagDataset(Change):
    """``dataset``: with the tags that it has when the change is made."""

    kind = "tag_dataset"
    right = "Manage Datasets"
    dataset: Dataset | None = None

    def send(self, doing: ChangeContext) -> None:
        assert self.dataset is not None
        doing.aep.catalog.tag_dataset(self.dataset, doing.owner.new_tags(self.dataset["tags"]))
