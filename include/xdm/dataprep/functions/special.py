"""The function uuid."""

from __future__ import annotations

from collections.abc import Sequence

from include.xdm.dataprep.functions.registry import Function
from include.xdm.dataprep.language.types import Type
from include.xdm.dataprep.sql_values import EvaluationContext, SqlValue

CATEGORY = "Special"


def uuid(around: EvaluationContext, _: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for a UUID that is computed from the event's ``_id``, so that a repeated step writes the same rows."""
    parts = r"^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$", r"\1-\2-4\3-8\4-\5"
    return f"regexp_replace(sha256(_id || ':{around.number}'), '{parts[0]}', '{parts[1]}')", None


FUNCTIONS = [
    Function(
        "uuid", CATEGORY, (), Type.STRING, special=uuid, other_names=("guid",),
        note="Computed from the event's _id, so that a repeated step gives the same rows.",
    ),
]  # fmt: skip
