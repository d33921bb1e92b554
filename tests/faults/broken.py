"""Deliberate bugs of the product, which a process can be given before it works."""

from __future__ import annotations

from typing import Any


def no_record_before_complete() -> None:
    """COMPLETE is called without a ledger record."""
    from include.lake.ledger import Ledger

    append = Ledger.append

    def forgetful(self: Ledger, seen: list[Any], kind: Any, **fields: Any) -> list[Any]:
        return seen if kind == "completing" else append(self, seen, kind, **fields)

    Ledger.append = forgetful  # type: ignore[method-assign]


def truncated_gzip_is_whole() -> None:
    """As requests and urllib3 do: a truncated gzip stream is accepted as complete, whatever its last line is."""
    from include.mixpanel.export_guard import ExportGuard
    from include.mixpanel.export_stream import ExportStream

    ExportStream._check_end = lambda self: None  # type: ignore[method-assign]
    ExportGuard.finish = lambda self: None  # type: ignore[method-assign]


def insert_id_alone() -> None:
    """As the name suggests, and as the documentation of other tools says."""
    import hashlib

    import include.xdm.events.block_reader
    import include.xdm.events.event_parser

    def alone(project_id: int, event: str, distinct_id: str, seconds: int, insert_id: str) -> str:
        return hashlib.sha256(insert_id.encode()).hexdigest()

    def all_alone(*columns: Any, **more: Any) -> list[bytes]:
        return [hashlib.sha256(insert_id.encode()).digest() for insert_id in columns[-1]]

    include.xdm.events.event_parser.event_id = alone
    include.xdm.events.block_reader.event_ids = all_alone
    include.xdm.events.block_reader.BlockReader.flat = None  # type: ignore[assignment]  # the other reader of many lines


def no_binding() -> None:
    """The ledger does not know its dataset, and a batch's dataset is not compared."""
    from include.lake.history import History, Target
    from include.steps.ingest import batch_loader

    Target.digest = "0" * 32  # type: ignore[assignment]
    History.bound_source = lambda self: self.source  # type: ignore[method-assign]
    batch_loader.require_same_load = lambda *given: None


def one_ledger_for_all_datasets() -> None:
    """Only the target's digest is the same for all; the history's contents still name its dataset."""
    from include.lake.history import Target

    Target.digest = "0" * 32  # type: ignore[assignment]


def no_answer_is_active() -> None:
    """A batch that AEP does not know counts as active because it was when the record was written."""
    import include.steps.ingest.decide
    from include.aep.batch_state import BatchState

    classify_status = include.steps.ingest.decide.classify_status

    def hopeful(status: str | None) -> BatchState:
        return BatchState.ACTIVE if status is None else classify_status(status)

    include.steps.ingest.decide.classify_status = hopeful


def audit_skips_a_day() -> None:
    """One day is never loaded."""
    import include.steps.reconcile.audit

    expected = include.steps.reconcile.audit.expected_days
    include.steps.reconcile.audit.expected_days = lambda pipeline, now: [
        day for day in expected(pipeline, now) if day.day != 2
    ]


def witness_sees_nothing() -> None:
    """Batches that the ledger does not know are ignored."""
    from include.aep.batch_listing import BatchListing

    BatchListing.batches = lambda self, day, known=(), named=(): []  # type: ignore[method-assign]


def newest_recipe_for_all() -> None:
    """Ids of a day follow the newest recipe, whatever the active rows have."""
    import include.steps.run_day
    import include.steps.stage.step
    import include.xdm.events.event_id

    newest = include.xdm.events.event_id.RECIPE
    include.steps.run_day.recipe_for = lambda records, *, replace: newest  # type: ignore[attr-defined]
    include.steps.stage.step.require_one_recipe = lambda *_: None  # type: ignore[attr-defined]


def refused_rows_are_forgotten() -> None:
    """Rows that AEP drops from an active batch are counted, but not recorded."""
    from include.steps.ingest.partial_load import PartialLoad

    PartialLoad._write_quarantine = lambda self, db, scratch: None  # type: ignore[method-assign]


def no_way_out() -> None:
    """An error says what happened, but not what to do."""
    from include.errors import PipelineError

    made = PipelineError.__init__

    def silent(self: PipelineError, sentence: str, hint: str = "") -> None:
        made(self, sentence)

    PipelineError.__init__ = silent  # type: ignore[method-assign]
