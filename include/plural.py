"""Counts with their nouns, for every sentence that people read."""

from __future__ import annotations

_SIBILANTS = ("s", "x", "ch", "sh")


def counted(number: int, thing: str) -> str:
    """Return a number and its noun, such as ``1 event``, ``5,030 events``, ``2 properties``, ``3 batches``.

    Args:
        number: how many.
        thing: the noun in the singular; words before it stay as they are (``late event``).
    """
    return f"{number:,} {thing if number == 1 else _plural(thing)}"


def is_or_are(number: int) -> str:
    """Return the verb that agrees with a count: ``is`` after 1, else ``are``."""
    return "is" if number == 1 else "are"


def _plural(thing: str) -> str:
    if thing.endswith("y") and thing[-2:-1] not in "aeou":
        return f"{thing[:-1]}ies"
    return f"{thing}es" if thing.endswith(_SIBILANTS) else f"{thing}s"
