"""Collects the reasons why a plan cannot succeed; those that are independent are reported in one error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from include.errors import ConfigError, DatasetMissing, PipelineError, SchemaError

_T = TypeVar("_T")


class PlanErrors:
    """Collects errors, so that the user corrects a pipeline file once."""

    def __init__(self) -> None:
        self._found: list[PipelineError] = []

    def gather(self, decide: Callable[[], _T]) -> _T | None:
        """Return the result of ``decide``, or None where it raises."""
        try:
            return decide()
        except (ConfigError, SchemaError, DatasetMissing) as refusal:
            self._found.append(refusal)
            return None

    def require_none(self) -> None:
        """Raise the collected errors, if any.

        Raises:
            ConfigError, SchemaError, DatasetMissing: the only error; a SchemaError for several.
        """
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise SchemaError(
                " ".join(map(str, self._found)),
                "Nothing was changed in AEP. Correct every error that is listed above, then run setup again.",
            )
