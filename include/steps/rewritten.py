"""Find the exports that replaced other exports when a person's events were removed from the lake (``forget``)."""

from __future__ import annotations

from collections.abc import Iterable

from include.lake.manifest import Manifest

INSTEAD_OF = "instead_of"
"""The key in the ``details`` of a rewritten export; its value is the digest of the export that it replaced."""


def rewritten_to(exports: Iterable[Manifest]) -> dict[str, str]:
    """Map the digest of each replaced export to the digest of its newest replacement.

    Both contain the same response of Mixpanel, except for the events of forgotten people.
    """
    instead = {str(each.details[INSTEAD_OF]): each.digest for each in exports if INSTEAD_OF in each.details}
    found = {}
    for first, last in instead.items():
        while last in instead:
            last = instead[last]
        found[first] = last
    return found


def successor_among(exports: Iterable[Manifest], export: Manifest) -> Manifest:
    """Return the newest replacement of ``export`` among a day's ``exports``; ``export`` if it was not replaced."""
    found = {each.digest: each for each in exports}
    return found.get(rewritten_to(found.values()).get(export.digest, export.digest), export)
