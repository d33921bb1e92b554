"""Options of the language, where Adobe's documents are silent or contradict each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How expressions are parsed and evaluated where Adobe's documents are silent or contradict each other."""

    whole_division: bool = True
    """The quotient of two integers is an integer: 1 / 2 is 0, as in JEXL. If false, it is 0.5. Adobe's documents have
    this example without its result."""
    functions_reserved: bool = False
    """A field with the name of a function must be written with ``${}``, as in the newest EP:data-prep/functions.md.
    By default this is optional: EP:data-prep/troubleshooting-guide.md has ``date.equals("3/21/24")``."""
    destination_functions: bool = False
    """Functions that Adobe marks "Destinations only" can be called; by default they cannot, as the sandbox has no
    destinations."""


DEFAULT = Options()
