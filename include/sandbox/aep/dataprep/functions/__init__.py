"""Every function of Adobe's list (EP:data-prep/functions.md), a file for each part of it.

Importing this package fills ``registry.FUNCTIONS``.
"""

from include.sandbox.aep.dataprep.functions import logic, registry, strings

__all__ = ["logic", "registry", "strings"]
