"""Transform: raw events become rows in the XDM schema's shape, each ``_id`` once; what cannot is quarantined."""

from __future__ import annotations

import gzip
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from include.aep.client import AepClient
from include.aep.model import Dataset
from include.config.model import Pipeline
from include.errors import BadManifest, SchemaError
from include.lake.manifest import LakeFile, Manifest, digest_of, upload_file
from include.mixpanel.raw_file import read_lines
from include.mixpanel.reading import TimeEvidence, require_agreement
from include.redact import one_line
from include.steps.jsonl import gzip_writer
from include.steps.workspace import DATA_VERSION, Workspace
from include.xdm.compile import CompiledMapping, compile_mapping
from include.xdm.functions.arrow import register
from include.xdm.identity import RECIPE, RECIPES
from include.xdm.lines import Refused, quarantine_record
from include.xdm.mapped_rows import RowMapper, compacted_by_day, write_event_digests
from include.xdm.mapping import MappingSet, bind
from include.xdm.mapping_file import read_mapping_file
from include.xdm.schema import XdmSchema
from include.xdm.sift import Sieve, SiftedEvent
from include.xdm.spool import Spool

_CHUNK_ROWS = 10_000
_MOST_NAMES = 500
"""Names of events and of unmapped properties that a manifest counts one by one."""


def schema_and_mapping(
    pipeline: Pipeline, aep: AepClient, dataset: Dataset | None = None
) -> tuple[XdmSchema, MappingSet]:
    """The dataset's schema as it is now, and the pipeline's mapping set checked against it.

    ``dataset``: as the catalog shows it; it is looked up where it is not given.

    Raises:
        DatasetMissing: the pipeline's dataset is not there.
        ConfigError: the mapping set does not fit the schema; every fault is told.
    """
    dataset = dataset or aep.catalog.require_dataset(pipeline.aep.dataset)
    schema = XdmSchema(aep.registry.resolved_schema(dataset["schemaRef"]["id"]))
    rows = read_mapping_file(pipeline.mapping)
    return schema, bind(pipeline.mapping, rows, schema, keep_unmapped=pipeline.unmapped == "keep")


def transform_partition(
    workspace: Workspace, raw: Manifest, schema: XdmSchema, mapping: MappingSet, *, recipe: int = RECIPE
) -> Manifest:
    """Maps an export, or finds it mapped; ``recipe`` is that of ``_id`` (``include.xdm.identity``).

    ``counts``: ``exported + not_events = duplicates + quarantined + mapped``, and as ``warnings`` how often a column
    was set to null; ``details["not_converted"]`` has them by destination, and ``details["inexact"]`` those of them that
    are numbers. Limits, where a day meets them: ``merged_without_before`` (see ``Sieve``), and ``compacted_by_day``, the
    events that Mixpanel may merge into others of their day. ``details["events"]`` is a Parquet file with ``_id`` and ``digest`` (``identity.content_digest``) of
    every mapped row, by ``_id``; None where there are no rows.

    Raises:
        BadManifest: the recipe is of a newer version of this program.
        SchemaError: the schema is none for events; or ``unmapped: fail``, and no mapping names some property.
    """
    _require_recipe(recipe)
    schema.require_event()
    pipeline = workspace.pipeline
    inputs = {
        "export": raw.digest,
        "schema": schema.digest,
        "mapping": mapping.digest,
        "settings": digest_of(pipeline.model_dump(include={"mixpanel", "identities", "unmapped"})),
        "recipe": str(recipe),
        "data_version": str(DATA_VERSION),
    }
    digest = digest_of(inputs)
    done = workspace.find("transform", digest)
    if done is not None:
        return done
    workspace.save_schema(schema)
    with workspace.scratch() as scratch:
        work = _Work(workspace, raw, mapping, scratch, recipe)
        rows = work.run(compile_mapping(mapping, pipeline.identities, now=raw.created_at))
        folder = workspace.partition.output("transform", digest)
        files, events = [], None
        if rows:
            files.append(upload_file(workspace.lake, f"{folder}/part-00000.parquet", work.parquet, rows))
            events = upload_file(workspace.lake, f"{folder}/events.parquet", work.digests, rows).model_dump()
        quarantine = work.quarantine_file(workspace, digest)
    return workspace.publish(
        step="transform",
        digest=digest,
        inputs=inputs,
        files=tuple(files),
        counts={**_exported(raw), "mapped": rows, **work.counts},
        details={
            "recipe": recipe,
            "events": events,
            "quarantine": quarantine,
            "reasons": dict(sorted(work.reasons.items())),
            "not_converted": work.not_converted,
            "inexact": work.inexact,
            "unmapped": dict(itertools.islice(work.unmapped().items(), _MOST_NAMES)),
            "by_event": dict(work.sieve.by_event.most_common(_MOST_NAMES)),
            "schema_version": schema.version,
        },
    )


def _require_recipe(recipe: int) -> None:
    if recipe not in RECIPES:
        raise BadManifest(
            f"This day's ids follow recipe {recipe}, which this version of mixpanel-aep does not know.",
            "A newer version loaded the day; upgrade this one.",
        )


def _exported(raw: Manifest) -> dict[str, int]:
    """Lines of an export that are events, and others; exports of earlier versions did not tell them apart."""
    others = raw.counts.get("not_events", 0)
    return {"exported": raw.rows - others, **({"not_events": others} if others else {})}


class _Work:
    """One transform in its scratch folder: sift, drop duplicates, map slice by slice, write Parquet.

    DuckDB sorts and compares narrow rows, and spills them; the wide ones pass through it a slice at a time.
    """

    def __init__(
        self, workspace: Workspace, raw: Manifest, mapping: MappingSet, scratch: Path, recipe: int
    ) -> None:
        source = workspace.pipeline.mixpanel
        self.scratch, self.parquet, self.digests = (
            scratch,
            scratch / "mapped.parquet",
            scratch / "events.parquet",
        )
        self.quarantined_path = scratch / "quarantine.jsonl.gz"
        self.raw_paths = workspace.local_files(raw, scratch)
        self.sieve = Sieve(
            project_id=int(raw.details["project_id"]),
            day=workspace.partition.day,
            wall_clock_zone=source.zone if source.time_is == "project_local" else None,
            # Not the clock's: whatever is made of the same export again has to be the same.
            now_ms=int(datetime.fromisoformat(raw.created_at).timestamp() * 1000),
            mapped=mapping.whole_properties,
            evidence=TimeEvidence(source.zone),
            time_in_ms=source.time_in_ms,
            recipe=recipe,
        )
        self.pipeline = workspace.pipeline
        self.named = mapping.named_properties
        self.reasons: Counter[str] = Counter()
        self.not_converted: dict[str, int] = {}
        self.inexact: dict[str, int] = {}
        self.counts: dict[str, int] = {}

    def run(self, compiled: CompiledMapping) -> int:
        """Returns the number of mapped rows."""
        with (
            Spool(self.scratch / "events.spool") as spool,
            gzip_writer(self.quarantined_path) as quarantine,
            open_duckdb(self.scratch) as db,
        ):
            db.register("sieve", self._narrow(quarantine, spool))
            db.execute("CREATE TABLE sifted AS SELECT * FROM sieve")
            require_agreement(self.sieve.evidence, self.pipeline.mixpanel, self.pipeline.name)
            self._check_unmapped()
            duplicates, twins = self._drop_duplicates(db)
            compacted = compacted_by_day(db)
            rows = self._map(db, spool, compiled, quarantine)
            if rows:
                write_event_digests(db, self.digests)
        self.counts = {
            "duplicates": duplicates,
            "twins": twins,
            "quarantined": self.reasons.total(),
            "warnings": sum(self.not_converted.values()),
            **dict(sorted(self.sieve.counts.items())),
            **({"compacted_by_day": compacted} if compacted else {}),
        }
        return rows

    def _map(self, db: Any, spool: Spool, compiled: CompiledMapping, quarantine: gzip.GzipFile) -> int:
        """Maps the rows that stay, in the order of their time and id, which no order of the export can change."""
        register(db, compiled.functions)
        rejected: list[int] = []

        def reject(identity: str, event: str, line: bytes) -> None:
            query = "SELECT line_number FROM sifted ANTI JOIN losers USING (line_number) WHERE _id = ?"
            ((number,),) = quiet(db.cursor()).execute(query, [identity]).fetchall()
            rejected.append(number)
            self.sieve.by_event[event] -= 1
            self._quarantine(quarantine, quarantine_record(number, line, Refused("unexpected_error")))

        mapper = RowMapper(quiet(db.cursor()), compiled, reject)
        rows = mapper.write(spool.slices(self._places(db)), self.parquet)
        for number in rejected:
            db.execute("DELETE FROM sifted WHERE line_number = ?", [number])
        self.not_converted = dict(sorted(mapper.failed.items()))
        self.inexact = dict(sorted(mapper.inexact.items()))
        return rows

    @staticmethod
    def _places(db: Any) -> Iterator[tuple[str, int, int, int, int, int]]:
        db.execute(
            'SELECT _id, timestamp, "offset", event_bytes, properties_bytes, unmapped_bytes '
            "FROM sifted ANTI JOIN losers USING (line_number) ORDER BY timestamp, _id"
        )
        while chunk := db.fetchmany(_CHUNK_ROWS):
            yield from chunk

    def quarantine_file(self, workspace: Workspace, digest: str) -> dict[str, Any] | None:
        """Uploads the quarantined lines, if any, and says where they are."""
        if not self.reasons:
            return None
        key = workspace.partition.quarantine("transform", digest)
        file: LakeFile = upload_file(workspace.lake, key, self.quarantined_path, self.reasons.total())
        return file.model_dump()

    def _narrow(self, quarantine: gzip.GzipFile, spool: Spool) -> Any:
        import pyarrow as pa

        schema = pa.schema([
            ("line_number", pa.int64()), ("_id", pa.string()), ("timestamp", pa.int64()),
            ("processed_ms", pa.int64()), ("has_insert_id", pa.bool_()), ("digest", pa.binary()),
            ("offset", pa.int64()), ("event_bytes", pa.int64()), ("properties_bytes", pa.int64()),
            ("unmapped_bytes", pa.int64()), ("content", pa.int64()), ("compacted", pa.int64()),
        ])  # fmt: skip

        def batches() -> Iterator[Any]:
            rows = map(spool.add, self._events(quarantine))
            while chunk := list(itertools.islice(rows, _CHUNK_ROWS)):
                columns = zip(*chunk, strict=True)
                arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

        return pa.RecordBatchReader.from_batches(schema, batches())

    def _events(self, quarantine: gzip.GzipFile) -> Iterator[SiftedEvent]:
        for sifted in self.sieve.sift(read_lines(self.raw_paths)):
            if isinstance(sifted, SiftedEvent):
                yield sifted
            else:
                self._quarantine(quarantine, sifted)

    def _quarantine(self, quarantine: gzip.GzipFile, record: dict[str, Any]) -> None:
        self.reasons[record["reason"]] += 1
        quarantine.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")

    def unmapped(self) -> dict[str, int]:
        """How many events have each property that no mapping names, the most frequent first."""
        counted = self.sieve.unmapped_names.most_common()
        return {name: rows for name, rows in counted if name not in self.named and None not in self.named}

    def _check_unmapped(self) -> None:
        names = list(self.unmapped())
        if names and self.pipeline.unmapped == "fail":
            raise SchemaError(
                f"{len(names)} properties have no mapping: {', '.join(repr(one_line(name)) for name in names[:5])}.",
                "Map them, or write unmapped: keep in the pipeline file.",
            )

    @staticmethod
    def _drop_duplicates(db: Any) -> tuple[int, int]:
        """Of the rows with one ``_id`` the one processed last stays. Only ids that occur twice are sorted."""
        db.execute(
            "CREATE TABLE losers AS SELECT line_number, has_insert_id FROM ("
            " SELECT line_number, has_insert_id, row_number() OVER"
            "  (PARTITION BY _id ORDER BY processed_ms DESC, digest, line_number) AS place"
            " FROM sifted SEMI JOIN (SELECT _id FROM sifted GROUP BY _id HAVING count(*) > 1) USING (_id)"
            ") WHERE place > 1"
        )
        total, twins = db.execute(
            "SELECT count(*), count(*) FILTER (NOT has_insert_id) FROM losers"
        ).fetchall()[0]
        return int(total), int(twins)


def open_duckdb(scratch: Path) -> Any:
    """A DuckDB whose tables, sorts and joins spill to scratch beyond ``MIXPANEL_AEP_MEMORY`` (default 1GB)."""
    import duckdb

    db = duckdb.connect(
        str(scratch / "work.duckdb"),
        config={
            "memory_limit": os.environ.get("MIXPANEL_AEP_MEMORY", "1GB"),
            "temp_directory": str(scratch / "spill"),
            "TimeZone": "UTC",
            "autoinstall_known_extensions": False,
        },
    )
    return quiet(db)


def quiet(connection: Any) -> Any:
    """The connection without DuckDB's progress bar, which a slow query prints on standard output."""
    connection.execute("SET enable_progress_bar = false")
    return connection
