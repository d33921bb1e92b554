"""Every function of Adobe's list (EP:data-prep/functions.md), in a file for each kind of value.

Importing this package fills ``registry.FUNCTIONS``.
"""

from mixpanel_aep_sandbox.aep.dataprep.functions import (
    arrays,
    choices,
    dates,
    hashes,
    maps,
    numbers,
    objects,
    padding,
    regexes,
    registry,
    special,
    strings,
    urls,
)

__all__ = [
    "arrays",
    "choices",
    "dates",
    "hashes",
    "maps",
    "numbers",
    "objects",
    "padding",
    "regexes",
    "registry",
    "special",
    "strings",
    "urls",
]
