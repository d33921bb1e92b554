"""Writes a number with its noun in the singular or plural, for messages."""

from __future__ import annotations

_SIBILANTS = ("s", "x", "ch", "sh")


def counted(number: int, thing: str) -> str:
    """Return a number followed by its noun, such as ``1 event``, ``5,030 events``, ``2 properties``, ``3 batches``.

    Args:
        number: the count.
        thing: the noun in the singular; only its last word is put into the plural (``late event``: ``2 late events``).
    """
    return f"{number:,} {thing if number == 1 else _plural(thing)}"


def is_or_are(number: int) -> str:
    """Return the verb that agrees with a count: ``is`` after 1, else ``are``."""
    return "is" if number == 1 else "are"


def _plural(thing: str) -> str:
    if thing.endswith("y") and thing[-2:-1] not in "aeou":
        return f"{thing[:-1]}ies"
    return f"{thing}es" if thing.endswith(_SIBILANTS) else f"{thing}s"
