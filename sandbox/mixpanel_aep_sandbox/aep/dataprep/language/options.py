"""Where Adobe's documents say two things about the language, or nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    whole_division: bool = True
    """1 / 2 is 0, as in JEXL; else 0.5. Adobe gives the example without its result."""
    functions_reserved: bool = False
    """A field that is called like a function needs ``${}``: so the newest EP:data-prep/functions.md, while
    EP:data-prep/troubleshooting-guide.md has ``date.equals("3/21/24")``."""
    destination_functions: bool = False
    """Functions that Adobe marks "Destinations only" can be called; as nothing here is a destination, they cannot."""


DEFAULT = Options()
