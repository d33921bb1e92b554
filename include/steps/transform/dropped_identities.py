"""Dropped identities: their counts as a manifest stores them, and as sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from include.lake.manifest import Manifest
from include.plural import counted


def by_namespace(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Return counts by namespace and reason in the form that a manifest stores."""
    found: dict[str, dict[str, int]] = {}
    for (namespace, reason), count in sorted((+counts).items()):
        found.setdefault(namespace, {})[reason] = count
    return found


def dropped_counts(kept: Mapping[str, Mapping[str, int]]) -> Counter[tuple[str, str]]:
    """Return counts by namespace and reason from the form that a manifest stores."""
    return Counter(
        {(namespace, reason): n for namespace, reasons in kept.items() for reason, n in reasons.items()}
    )


def dropped_by_reason(mapped: Manifest) -> dict[str, int]:
    """Return how many identities a transform dropped, by ``<namespace>: <reason>``.

    ``mapped``: the transform's manifest; manifests of earlier versions have no such counts.
    """
    counts = dropped_counts(mapped.details.get("dropped_identities", {}))
    return {f"{namespace}: {reason}": count for (namespace, reason), count in counts.items()}


def dropped_sentences(mapped: Manifest) -> list[str]:
    """Return a sentence for each namespace and reason for which a transform dropped identities."""
    most = "at most " if "dropped_identities" in mapped.details.get("at_most", ()) else ""
    return [
        f"{most}{counted(count, 'value')} left out of identityMap: {reason}"
        for reason, count in dropped_by_reason(mapped).items()
    ]
