"""Changes of stored events: identity merges, deletions, compaction; and the log of returned rows."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row, parse_row, render_line
from mixpanel_aep_sandbox.mixpanel.models.mutation_rules import Compaction
from tests.support.sandbox.http_client import Sandbox

pytestmark = pytest.mark.sandbox

SHOP, HOSTILE, DAY = data.SHOP_PROJECT_ID, data.HOSTILE_PROJECT_ID, "2026-06-02"
RULES = f"/mixpanel/projects/{SHOP}"


def properties(lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line)["properties"] for line in lines]


class TestRewrite:
    def test_an_id_changes_at_its_time_and_the_old_one_is_kept_in_addition(self, sandbox: Sandbox) -> None:
        before = sandbox.lines(SHOP, DAY)
        anonymous = next(
            p["distinct_id"] for p in properties(before) if p["distinct_id"].startswith("$device:")
        )
        sandbox.control(f"{RULES}/rewrites", {"from": anonymous, "to": "u-Ω", "at": "2026-11-24T00:00:00Z"})
        sandbox.control("/clock", {"set": "2026-11-23T23:59:59Z", "freeze": True})
        assert sandbox.lines(SHOP, DAY) == before
        sandbox.control("/clock", {"advance_seconds": 1})
        after = properties(sandbox.lines(SHOP, DAY))
        merged = [p for p in after if p["distinct_id"] == "u-Ω"]
        assert merged
        assert all(p["$distinct_id_before_identity"] == anonymous for p in merged)
        assert not any(p["distinct_id"] == anonymous for p in after)
        strip = ("distinct_id", "$distinct_id_before_identity")
        same = [
            Counter(json.dumps({k: v for k, v in p.items() if k not in strip}) for p in rows)
            for rows in (properties(before), after)
        ]
        assert same[0] == same[1]

    def test_other_bytes_are_unchanged(self, sandbox: Sandbox) -> None:
        before = set(sandbox.lines(HOSTILE, "2025-05-01", "2026-07-02"))
        path = f"/mixpanel/projects/{HOSTILE}/rewrites"
        sandbox.control(path, {"from": "u-77", "to": "u-78", "keep_before": False})
        [changed] = set(sandbox.lines(HOSTILE, "2025-05-01", "2026-07-02")) - before
        [original] = before - set(sandbox.lines(HOSTILE, "2025-05-01", "2026-07-02"))
        assert changed == original.replace(b'"distinct_id":"u-77"', b'"distinct_id":"u-78"')
        assert b"1.5e-07" in changed
        assert b"123456789012345678901234567890" in changed


class TestDeletion:
    def test_rows_are_deleted_and_new_imports_stay(self, sandbox: Sandbox) -> None:
        before = sandbox.lines(SHOP, DAY)
        sandbox.control(f"{RULES}/deletions", {"events": ["Searched"], "from_date": DAY, "to_date": DAY})
        after = sandbox.lines(SHOP, DAY)
        assert set(after) == {line for line in before if b'"event":"Searched"' not in line}
        assert len(after) < len(before)
        sandbox.control("/clock", {"advance_seconds": 5})
        sandbox.add(SHOP, {"event": "Searched", "at": f"{DAY}T10:00:00Z"})
        assert len(sandbox.lines(SHOP, DAY)) == len(after) + 1

    def test_all_conditions_must_match(self, sandbox: Sandbox) -> None:
        row = next(p for p in properties(sandbox.lines(SHOP, DAY)) if "$insert_id" in p)
        gone = {"insert_ids": [row["$insert_id"]], "distinct_ids": ["unknown"]}
        before = sandbox.lines(SHOP, DAY)
        sandbox.control(f"{RULES}/deletions", gone)
        assert sandbox.lines(SHOP, DAY) == before
        sandbox.control(f"{RULES}/deletions", {"insert_ids": [row["$insert_id"]]})
        assert len(sandbox.lines(SHOP, DAY)) < len(before)


class TestCompaction:
    def test_the_newest_of_each_stays_from_its_time_on(self, sandbox: Sandbox) -> None:
        sandbox.control("/clock", {"set": "2026-11-23T00:00:00Z", "freeze": True})
        before = properties(sandbox.lines(SHOP, DAY))
        sandbox.control(f"{RULES}/compactions", {"at": "2026-11-24"})
        assert len(sandbox.lines(SHOP, DAY)) == len(before)
        sandbox.control("/clock", {"set": "2026-11-24", "freeze": True})
        after = properties(sandbox.lines(SHOP, DAY))
        keys = Counter((p["distinct_id"], p["$insert_id"]) for p in before if "$insert_id" in p)
        assert any(count > 1 for count in keys.values())
        assert Counter((p["distinct_id"], p["$insert_id"]) for p in after if "$insert_id" in p) == Counter(
            keys.keys()
        )
        newest = {(p["distinct_id"], p["$insert_id"]): 0 for p in before if "$insert_id" in p}
        for p in before:
            if "$insert_id" in p:
                key = (p["distinct_id"], p["$insert_id"])
                newest[key] = max(newest[key], p["mp_processing_time_ms"])
        assert all(
            p["mp_processing_time_ms"] == newest[(p["distinct_id"], p["$insert_id"])]
            for p in after
            if "$insert_id" in p
        )
        without = [p for p in before if "$insert_id" not in p]
        assert len([p for p in after if "$insert_id" not in p]) == len(without)

    def test_another_time_on_the_same_day_is_the_same_event(self) -> None:
        def row(time: int, processed: int) -> Row:
            own = {"time": b"%d" % time, "distinct_id": b'"u"', "$insert_id": b'"i"'}
            return parse_row(render_line(b'"E"', {**own, "mp_processing_time_ms": b"%d" % processed}))

        t = 1_780_000_000_000
        rows = [row(100, t + 2), row(200, t + 1), row(86_400, t)]
        assert Compaction(at=t + 2).apply(rows) == [rows[0], rows[2]]
        assert Compaction(at=t + 1).apply(rows) == rows
        nameless = [row._replace(insert_id="") for row in rows]
        assert Compaction(at=t + 2).apply(nameless) == nameless


class TestReturned:
    def test_the_exact_lines_of_each_complete_export(self, sandbox: Sandbox) -> None:
        gzipped = sandbox.lines(SHOP, DAY, limit=50)
        plain = sandbox.lines(SHOP, DAY, limit=3, headers={"accept-encoding": "identity"})
        sandbox.lines(HOSTILE, "2026-07-01")
        sandbox.export(SHOP, "nonsense")
        found = sandbox.returned(project_id=SHOP)
        assert [entry["line"].encode() for entry in found if entry["export"] == 1] == gzipped
        assert [entry["line"].encode() for entry in found if entry["export"] == 2] == plain
        assert len(found) == 53

    def test_days_select_exports_within_them(self, sandbox: Sandbox) -> None:
        sandbox.lines(SHOP, "2026-06-01", "2026-06-02", limit=2)
        sandbox.lines(SHOP, "2026-06-03", limit=1)
        assert len(sandbox.returned(from_date="2026-06-01", to_date="2026-06-02")) == 2
        assert len(sandbox.returned(from_date="2026-06-02")) == 1
        assert len(sandbox.returned()) == 3
        exports = sandbox.control("/mixpanel/exports", method="GET")
        assert [(e["export"], e["from_date"], e["limit"]) for e in exports] == [
            (1, "2026-06-01", "2"),
            (2, "2026-06-03", "1"),
        ]

    def test_lines_with_invalid_utf8_are_base64(self, sandbox: Sandbox) -> None:
        sandbox.add(SHOP, {"line_base64": "//4=", "at": "2026-08-01"})
        sandbox.lines(SHOP, "2026-08-01")
        assert sandbox.returned() == [{"export": 1, "line_base64": "//4="}]

    def test_the_log_does_not_change_with_the_events(self, sandbox: Sandbox) -> None:
        lines = sandbox.lines(HOSTILE, "2026-07-01")
        sandbox.control(f"/mixpanel/projects/{HOSTILE}/deletions", {})
        assert sandbox.lines(HOSTILE, "2026-07-01") == []
        assert [entry["line"].encode() for entry in sandbox.returned()] == lines

    @pytest.mark.parametrize(
        ("action", "counts"),
        [
            ({"do": "cut", "after_bytes": 100}, False),
            ({"do": "cut", "after_bytes": 100, "honest": True}, False),
            ({"do": "sentinel"}, False),
            ({"do": "answer", "status": 500, "after": True}, False),
            ({"do": "drop", "after": True}, False),
            ({"do": "alter", "how": "invalid_utf8"}, False),
            ({"do": "alter", "how": "no_final_newline"}, True),
            ({"do": "delay", "delay_seconds": 0.01}, True),
        ],
    )
    def test_truncated_exports_do_not_count(
        self, sandbox: Sandbox, action: dict[str, Any], counts: bool
    ) -> None:
        sandbox.fault(action, match={"service": "mixpanel"})
        try:
            sandbox.export(HOSTILE, "2026-07-01")
        except OSError:
            assert not counts
        assert bool(sandbox.returned()) is counts
        sandbox.lines(HOSTILE, "2026-07-01")
        assert sandbox.returned()
