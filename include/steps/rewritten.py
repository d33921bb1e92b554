"""Find the exports that replace exports from which a person's events were removed."""

from __future__ import annotations

from collections.abc import Iterable

from include.lake.manifest import Manifest

INSTEAD_OF = "instead_of"
"""The detail of a rewritten export: the digest of the export that it replaces."""


def rewritten_to(exports: Iterable[Manifest]) -> dict[str, str]:
    """Return the final replacement of each rewritten export, by digest. Both are the same response of Mixpanel."""
    instead = {str(each.details[INSTEAD_OF]): each.digest for each in exports if INSTEAD_OF in each.details}
    found = {}
    for first, last in instead.items():
        while last in instead:
            last = instead[last]
        found[first] = last
    return found


def successor_among(exports: Iterable[Manifest], export: Manifest) -> Manifest:
    """Return the export among a day's ``exports`` that replaces ``export``; the same export if it was not rewritten."""
    found = {each.digest: each for each in exports}
    return found.get(rewritten_to(found.values()).get(export.digest, export.digest), export)
