"""Why a plan cannot succeed: all reasons that do not follow from one another, in one error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from include.errors import ConfigError, DatasetMissing, PipelineError, SchemaError

_T = TypeVar("_T")


class PlanErrors:
    """Collects refusals, so that a person corrects a pipeline file once."""

    def __init__(self) -> None:
        self._found: list[PipelineError] = []

    def gather(self, decide: Callable[[], _T]) -> _T | None:
        """Return what is decided, None where it is refused."""
        try:
            return decide()
        except (ConfigError, SchemaError, DatasetMissing) as refusal:
            self._found.append(refusal)
            return None

    def require_none(self) -> None:
        """Raise what was refused.

        Raises:
            ConfigError, SchemaError, DatasetMissing: the only refusal; a SchemaError for several.
        """
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise SchemaError(" ".join(map(str, self._found)), "Nothing was changed; correct all of them.")
