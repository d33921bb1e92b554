"""Convert counts of dropped identities (values left out of ``identityMap``) to and from manifests, and to sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from include.lake.manifest import Manifest
from include.plural import counted


def by_namespace(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Convert counts by (namespace, reason) to the nested form that a manifest stores: by namespace, then by reason."""
    found: dict[str, dict[str, int]] = {}
    for (namespace, reason), count in sorted((+counts).items()):
        found.setdefault(namespace, {})[reason] = count
    return found


def dropped_counts(kept: Mapping[str, Mapping[str, int]]) -> Counter[tuple[str, str]]:
    """Convert the nested form that a manifest stores to counts by (namespace, reason)."""
    return Counter(
        {(namespace, reason): n for namespace, reasons in kept.items() for reason, n in reasons.items()}
    )


def dropped_by_reason(mapped: Manifest) -> dict[str, int]:
    """Return how many identities a transform dropped, by ``<namespace>: <reason>``.

    ``mapped``: the manifest of transform. The result is empty for manifests of earlier versions, without such counts.
    """
    counts = dropped_counts(mapped.details.get("dropped_identities", {}))
    return {f"{namespace}: {reason}": count for (namespace, reason), count in counts.items()}


def dropped_sentences(mapped: Manifest) -> list[str]:
    """Return one sentence for each namespace and reason for which the transform ``mapped`` dropped identities."""
    most = "at most " if "dropped_identities" in mapped.details.get("at_most", ()) else ""
    return [
        f"{most}{counted(count, 'value')} left out of identityMap: {reason}"
        for reason, count in dropped_by_reason(mapped).items()
    ]
