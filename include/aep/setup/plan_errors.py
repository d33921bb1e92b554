"""Collects the errors of independent checks of a plan, so that they are reported together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from include.errors import ConfigError, DatasetMissing, PipelineError, SchemaError

_T = TypeVar("_T")


class PlanErrors:
    """Runs independent checks and collects their errors, so that the user can correct all of them at once."""

    def __init__(self) -> None:
        self._errors: list[PipelineError] = []

    def gather(self, check: Callable[[], _T]) -> _T | None:
        """Call ``check`` and return its result; if it raises an error, collect the error and return None."""
        try:
            return check()
        except (ConfigError, SchemaError, DatasetMissing) as error:
            self._errors.append(error)
            return None

    def raise_collected(self) -> None:
        """Raise one error if errors were collected.

        Raises:
            ConfigError, SchemaError, DatasetMissing: the only collected error, unchanged.
            SchemaError: several errors were collected; the message contains all of them.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            raise SchemaError(
                " ".join(map(str, self._errors)),
                f"Correct all {len(self._errors)} errors in this message, then run setup again. Nothing was changed in AEP.",
            )
