"""Every place that deletes is known, and so is every place that reads or writes the lake without a signature."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.unit, pytest.mark.case("M18")]
ROOT = Path(__file__).parents[2]
_DELETING = {"unlink", "rmtree", "rmdir", "remove_object", "remove_unfinished", "delete", "removedirs"}
DELETES = {
    # The lake: unfinished puts of this project, and what cleaning removes by its key.
    "include/lake/stores/folder_store.py": "a temporary name of its own; a key of ours and a number; a key that Lake has read",
    "include/lake/stores/bucket_store.py": "a key that Lake has read",
    "include/lake/lake.py": "which reads the key first",
    "include/steps/reconcile/orphaned_batches.py": "what a put has left",
    "include/steps/retention/run.py": "what the retention ends",
    "include/steps/retention/budgets.py": "tickets of hours that are over",
    "include/steps/forget/day.py": "what holds rows of forgotten people",
    # A worker's own scratch, and files that a command created.
    "include/steps/history/id_sets.py": "scratch",
    "include/steps/scratch.py": "scratch",
    "include/steps/stage/step.py": "scratch",
    "include/steps/export/range_export.py": "scratch",
    "include/steps/export/suppress.py": "scratch",
    "include/steps/forget/quarantine.py": "scratch",
    "include/steps/transform/output_files.py": "scratch",
    "include/steps/validate/shard_rows.py": "scratch",
    "include/steps/transform/bucket_pieces.py": "scratch",
}
UNSIGNED = {
    "include/lake/lake_checks.py": "whether the probe of create-only puts can be read",
    "include/lake/records.py": "signs and verifies",
    "include/lake/unsigned_records.py": "signs and verifies",
    "include/lake/stores/create_only_probe.py": "random values",
    "include/lake/rate_budget.py": "tickets, of which a wrong one costs waiting, or an answer 429 of the service",
    "include/steps/workspace.py": "schemas, whose names are their digests",
    "include/steps/preview.py": "quarantine of its own scratch lake, which is only shown",
    "scripts/demo/evidence.py": "the comparison of the demo",
}


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    for folder in ("include", "plugins", "dags", "scripts/demo"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    yield name, node, node.func.attr


def test_m18_every_place_that_deletes_is_known() -> None:
    found = {
        name
        for name, call, called in calls()
        if called in _DELETING and ast.unparse(call.func.value) != "np"  # type: ignore[attr-defined]
    }
    assert found - {name for name in found if name.startswith("scripts/demo/")} == set(DELETES)


def test_m16_no_trusted_object_is_read_or_written_without_its_signature() -> None:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, node, called in calls():
        of = ast.unparse(node.func.value)  # type: ignore[attr-defined]
        if called in ("read", "create", "replace", "put_new") and of.rpartition(".")[2] in ("lake", "store"):
            found[name].add(called)
    assert set(found) == set(UNSIGNED)
