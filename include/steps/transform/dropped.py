"""Identities that were dropped, as people read of them."""

from __future__ import annotations

from include.lake.manifest import Manifest


def dropped_by_reason(mapped: Manifest) -> dict[str, int]:
    """Return how many identities a transform dropped, by ``<namespace>: <reason>``.

    ``mapped``: the transform's manifest; those of earlier versions count none.
    """
    return {
        f"{namespace}: {reason}": count
        for namespace, reasons in mapped.details.get("dropped_identities", {}).items()
        for reason, count in reasons.items()
    }


def dropped_sentences(mapped: Manifest) -> list[str]:
    """Return a sentence for each namespace and reason for which a transform dropped identities."""
    return [
        f"{count} values are not identities of {reason}"
        for reason, count in dropped_by_reason(mapped).items()
    ]
