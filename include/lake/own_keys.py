"""Define the keys that this project writes, as regular expressions, so that no other program's object is removed."""

from __future__ import annotations

import re
from datetime import date

DIGEST = "[0-9a-f]{16,64}"
PIPELINE = "[a-z][a-z0-9_-]{0,62}"
DAY = r"\d{4}-\d{2}-\d{2}"
OUTPUT_FILES = {
    "raw": r"(?:events(?:-[0-9a-f]{16})?|(?:added|removed)-[0-9a-f]{16})\.jsonl\.gz",
    "xdm": r"(?:part-\d{5}|events|superseded)\.parquet",
    "valid-shards": r"part-\d{5}\.parquet|refused\.jsonl\.gz",
    "valid": r"part-\d{5}\.parquet",
    "staged": r"events-[0-9a-f]{16}\.(?:parquet|json)",
}
"""The pattern of the file names of an output, by the folder of its step."""
_OUTPUTS = "|".join(rf"{folder}/{DIGEST}/(?:{name})" for folder, name in OUTPUT_FILES.items())
BUDGET = r"_budget/(?:mixpanel|aep)-[0-9a-z-]{1,64}/(?:\d{9,18}|state)\.json"
"""The pattern of the keys of a rate budget: its tickets and its state."""
_KEYS = (
    r"\.writable",
    r"mixpanel-aep\.json",
    BUDGET,
    rf"_windows/{PIPELINE}/{DAY}_{DAY}/\d{{6,}}\.json",
    r"_signed/\d{6,}\.json",
    r"_suppressed/people/\d{6,}\.json",
    rf"_suppressed/ids/\d{{1,18}}/{DAY}/{DIGEST}\.json",
    rf"_histories/{DIGEST}/(?:history|batches|board|index|verified|taken-over-{PIPELINE})\.json",
    rf"_histories/{DIGEST}/ledger/{DAY}/\d{{6,}}\.json",
    rf"_histories/{DIGEST}/ids/{DAY}/{DIGEST}\.parquet",
    rf"{PIPELINE}/(?:schemas|alerts)/{DIGEST}\.json",
    rf"{PIPELINE}/alerts/{DIGEST}/\d{{6,}}\.json",
    rf"{PIPELINE}/{DAY}/(?:{_OUTPUTS})",
    rf"{PIPELINE}/{DAY}/(?:raw|xdm|valid-shards|valid|staged)/{DIGEST}/(?:manifest|removed)\.json",
    rf"{PIPELINE}/{DAY}/quarantine/[a-z]+-{DIGEST}\.jsonl\.gz",
    rf"{PIPELINE}/{DAY}/report/{DIGEST}\.html",
    rf"{PIPELINE}/{DAY}/looks/{DIGEST}\.json",
    rf"{PIPELINE}/{DAY}/ledger/\d{{6,}}\.json",
)
_OWN = re.compile("|".join(f"(?:{key})" for key in _KEYS), re.ASCII)
_UNFINISHED = re.compile(r"(.+)#\d{1,18}", re.ASCII | re.DOTALL)


def is_own_key(key: str) -> bool:
    """Return whether ``key`` has the exact form of a key that this project writes."""
    if _OWN.fullmatch(key) is None:
        return False
    try:
        return all(date.fromisoformat(part) for part in key.split("/") if re.fullmatch(DAY, part))
    except ValueError:
        return False


def final_name_of(temporary_name: str) -> str | None:
    """Return the final name of a file that is still being written, or None if the name is not a temporary one.

    A temporary name is the final name followed by ``#`` and digits.
    """
    found = _UNFINISHED.fullmatch(temporary_name)
    return found[1] if found else None
