"""Every function of Adobe's list (EP:data-prep/functions.md), a file for each part of it.

Importing this package fills ``registry.FUNCTIONS``.
"""

from include.sandbox.aep.dataprep.functions import (
    arrays,
    conversions,
    dates,
    hashes,
    hierarchies,
    logic,
    maps,
    regexes,
    registry,
    special,
    strings,
    web,
)

__all__ = [
    "arrays",
    "conversions",
    "dates",
    "hashes",
    "hierarchies",
    "logic",
    "maps",
    "regexes",
    "registry",
    "special",
    "strings",
    "web",
]
