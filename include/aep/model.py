"""What AEP's catalog reports about a dataset, a batch and its errors, in Python types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Self, TypedDict

from include.aep.load_id import DAY_TAG, PREFIX, LoadId


@dataclass(frozen=True)
class BatchError:
    """An error that the catalog lists for a batch.

    Attributes:
        code: AEP's error code.
        description: AEP's text, which may quote values of rows: never log it.
        rows: the number of rows with the error; None if AEP does not report it.
    """

    code: str
    description: str = field(repr=False)
    rows: int | None


@dataclass(frozen=True)
class Batch:
    """A batch, as AEP's catalog describes it.

    Attributes:
        id: the id that AEP assigned.
        status: AEP's status, unchanged; ``classify_status`` interprets it.
        external_id: the ``externalId`` that the producer chose; None without one.
        dataset_id: the id of the batch's dataset; None if AEP does not report it.
        created_ms: the creation time in milliseconds since the epoch; 0 if AEP does not report it.
        input_records: the number of rows in the uploaded files; None if AEP does not report it.
        output_records: the number of rows that AEP ingested; None if AEP does not report it.
        failed_records: the number of rows that AEP refused; None if AEP does not report it.
        errors: the errors that the catalog lists.
        tags: the values of each tag.
    """

    id: str
    status: str
    external_id: str | None = None
    dataset_id: str | None = None
    created_ms: int = 0
    input_records: int | None = None
    output_records: int | None = None
    failed_records: int | None = None
    errors: tuple[BatchError, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def load_id(self) -> LoadId | None:
        """The parts of the ``externalId``; None if it does not have the form that this project writes."""
        return LoadId.parse(self.external_id)

    @property
    def is_of_this_project(self) -> bool:
        """Whether this project created the batch, under any pipeline name."""
        return (self.external_id or "").startswith(PREFIX)

    @property
    def day(self) -> date | None:
        """The day whose rows the batch contains, by its ``externalId``, else by its tag; None without both."""
        if self.load_id is not None:
            return self.load_id.day
        try:
            return date.fromisoformat(self.tag(DAY_TAG) or "") if self.is_of_this_project else None
        except ValueError:
            return None

    def tag(self, name: str) -> str | None:
        """Return the first value of the tag ``name``; None if the batch does not have the tag."""
        return next(iter(self.tags.get(name, ())), None)

    @property
    def is_duplicate(self) -> bool:
        """Whether AEP refused the batch because it has already ingested the same data.

        Source: experienceleague.adobe.com, ka-26349.
        """
        return any(error.code == "140" for error in self.errors)

    @classmethod
    def read(cls, batch_id: str, body: Mapping[str, object]) -> Self:
        """Return a batch from its JSON in the catalog; a value that is missing or of another type is a default."""
        metrics = body.get("metrics")
        counts: Mapping[str, object] = metrics if isinstance(metrics, dict) else {}
        return cls(
            id=batch_id,
            status=_text(body.get("status")) or "",
            external_id=_text(body.get("externalId")),
            dataset_id=_dataset_of(body.get("relatedObjects")),
            created_ms=_count(body.get("created")) or 0,
            input_records=_rows(counts, "input"),
            output_records=_rows(counts, "output"),
            failed_records=_count(counts.get("failedRecordCount")),
            errors=tuple(_errors(body.get("errors"))),
            tags=_tags(body.get("tags")),
        )


class SchemaRef(TypedDict):
    """The reference from a dataset to its schema; ``id`` is the ``$id`` of the schema."""

    id: str


class Dataset(TypedDict):
    """A dataset, with the names and types of the catalog's JSON; missing values are empty."""

    id: str
    name: str
    schemaRef: SchemaRef
    tags: Mapping[str, object]


def read_dataset(dataset_id: str, body: Mapping[str, object]) -> Dataset:
    """Return a dataset from its JSON in the catalog; a value that is missing or has the wrong type is empty."""
    schema, tags = body.get("schemaRef"), body.get("tags")
    return Dataset(
        id=dataset_id,
        name=_text(body.get("name")) or "",
        schemaRef=SchemaRef(id=(_text(schema.get("id")) if isinstance(schema, dict) else None) or ""),
        tags=tags if isinstance(tags, dict) else {},
    )


@dataclass(frozen=True)
class RemoteFile:
    """A file of a batch in AEP, as a listing names it.

    Attributes:
        name: the name, by which the file can be downloaded.
        length: the size in bytes; None if AEP does not report it.
    """

    name: str
    length: int | None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _rows(counts: Mapping[str, object], side: str) -> int | None:
    """Return the number of ``input`` or ``output`` rows (``side``) in a batch's metrics; None if it is missing.

    The key ends with Count in the catalog's specification, and with Size in Adobe's troubleshooting guide.
    """
    count = _count(counts.get(f"{side}RecordCount"))
    return count if count is not None else _count(counts.get(f"{side}RecordSize"))


def _dataset_of(related: object) -> str | None:
    entries = related if isinstance(related, list) else []
    return next(
        (_text(e.get("id")) for e in entries if isinstance(e, dict) and e.get("type") == "dataSet"), None
    )


def _tags(value: object) -> dict[str, tuple[str, ...]]:
    entries = value if isinstance(value, dict) else {}
    return {
        str(name): tuple(text for text in (values if isinstance(values, list) else [values]) if _text(text))
        for name, values in entries.items()
    }


def _errors(value: object) -> list[BatchError]:
    entries = value if isinstance(value, list) else []
    return [
        BatchError(
            str(entry.get("code", "")),
            str(entry.get("description", "")),
            _count(entry.get("recordCount", entry.get("rows"))),
        )
        for entry in entries
        if isinstance(entry, dict)
    ]
