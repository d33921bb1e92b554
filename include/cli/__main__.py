"""The entry point of the program ``mixpanel-aep``; ``python -m include.cli`` is the same program."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from include.cli.app import app

PROGRAM = "mixpanel-aep"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit code (``include.cli.exit_codes``).

    ``argv``: the arguments without the program's name; by default those of this process.
    """
    try:
        app(args=list(sys.argv[1:] if argv is None else argv), prog_name=PROGRAM)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    raise AssertionError("a command ends with an exit code")


if __name__ == "__main__":
    sys.exit(main())
