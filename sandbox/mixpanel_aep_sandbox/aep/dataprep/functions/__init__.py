"""The functions of Adobe's list (EP:data-prep/functions.md), in a module for each kind of value.

The import of this package registers them all in ``registry.FUNCTIONS`` and ``registry.METHODS``.
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
