"""Checks a commit's subject: an imperative sentence of at most 72 characters; a pre-commit hook for commit-msg."""

from __future__ import annotations

import re
import sys
from pathlib import Path

LONGEST = 72
# First words that are common and not imperative: "Adds", "Added", "Adding".
_NOT_IMPERATIVE = re.compile(
    r"(?!Feed|Seed|Embed|Speed|Bring|Need)(?:\w+(?:ed|ing)|(?:Add|Fix|Chang|Updat|Remov|Mov|Mak|Us|Creat|Correct|Show|Test|Read|Writ)e?s)\b"
)


def faults(message: str) -> list[str]:
    """Return the errors of a commit message, one sentence each; an empty list for a correct message."""
    lines = message.splitlines() or [""]
    subject = lines[0]
    found = []
    if len(subject) > LONGEST:
        found.append(
            f"The subject has {len(subject)} characters; the maximum is {LONGEST}. Move the reason to the body."
        )
    if not subject[:1].isupper() or subject.endswith("."):
        found.append("The subject must begin with a capital letter and end without a full stop.")
    if _NOT_IMPERATIVE.match(subject):
        found.append("The subject must be imperative, as in 'Add a page of days'.")
    if len(lines) > 1 and lines[1].strip():
        found.append("The second line must be empty.")
    return found


def main() -> int:
    """Check the message in the file that the first argument names, and return the exit code."""
    found = faults(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stderr.writelines(f"{sentence}\n" for sentence in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
