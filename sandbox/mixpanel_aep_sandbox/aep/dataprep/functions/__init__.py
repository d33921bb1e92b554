"""Every function of Adobe's list (EP:data-prep/functions.md), a file for each category.

Importing this package fills ``registry.FUNCTIONS``.
"""

from mixpanel_aep_sandbox.aep.dataprep.functions import (
    arrays,
    dates,
    hashes,
    maps,
    regexes,
    registry,
    special,
    strings,
)
from mixpanel_aep_sandbox.aep.dataprep.functions import choices as logic
from mixpanel_aep_sandbox.aep.dataprep.functions import numbers as conversions
from mixpanel_aep_sandbox.aep.dataprep.functions import objects as hierarchies
from mixpanel_aep_sandbox.aep.dataprep.functions import urls as web

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
