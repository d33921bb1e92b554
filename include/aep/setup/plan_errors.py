"""Collects the reasons why a plan cannot succeed, so that independent reasons are reported in one error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from include.errors import ConfigError, DatasetMissing, PipelineError, SchemaError

_T = TypeVar("_T")


class PlanErrors:
    """Collects the errors of independent checks, so that the user can correct all of them before the next run."""

    def __init__(self) -> None:
        self._errors: list[PipelineError] = []

    def gather(self, check: Callable[[], _T]) -> _T | None:
        """Return the result of ``check``, or collect its error and return None."""
        try:
            return check()
        except (ConfigError, SchemaError, DatasetMissing) as error:
            self._errors.append(error)
            return None

    def raise_collected(self) -> None:
        """Raise the collected errors, if any.

        Raises:
            ConfigError, SchemaError, DatasetMissing: the only error; a SchemaError for several.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            raise SchemaError(
                " ".join(map(str, self._errors)),
                f"Correct all {len(self._errors)} errors in this message, then run setup again. Nothing was changed in AEP.",
            )
