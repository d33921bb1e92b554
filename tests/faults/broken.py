"""Three deliberate faults of the product, as a process can be given them before it works."""

from __future__ import annotations

from typing import Any


def no_record_before_complete() -> None:
    """COMPLETE is called without a word in the ledger."""
    from include.lake.ledger import Ledger

    append = Ledger.append

    def forgetful(self: Ledger, seen: list[Any], kind: Any, **fields: Any) -> list[Any]:
        return seen if kind == "completing" else append(self, seen, kind, **fields)

    Ledger.append = forgetful  # type: ignore[method-assign]


def truncated_gzip_is_whole() -> None:
    """As requests and urllib3 do: a gzip stream without its end is taken for a complete one, whatever its last line is."""
    from include.mixpanel.export import ExportStream
    from include.mixpanel.stream import ExportGuard

    ExportStream._check_end = lambda self: None  # type: ignore[method-assign]
    ExportGuard.finish = lambda self: None  # type: ignore[method-assign]


def insert_id_alone() -> None:
    """As the name suggests, and the documentation of other tools."""
    import hashlib

    import include.xdm.sift

    def alone(project_id: int, event: str, distinct_id: str, seconds: int, insert_id: str) -> str:
        return hashlib.sha256(insert_id.encode()).hexdigest()

    include.xdm.sift.event_id = alone  # type: ignore[assignment]
