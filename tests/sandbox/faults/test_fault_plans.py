"""Plans of faults: which requests they affect, and how they are cleared."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

import pytest

from tests.support.sandbox.http_client import Sandbox
from tests.support.sandbox.raw_export import EXPORT

pytestmark = pytest.mark.sandbox


class TestPlan:
    def ask(self, sandbox: Sandbox, path: str, method: str = "GET", **query: str) -> int:
        answer = sandbox.session.request(method, sandbox.url + path, params=query, timeout=9)
        return answer.status_code

    @pytest.mark.parametrize(
        ("match", "hit", "missed"),
        [
            ({"service": "aep"}, "/data/x", "/api/x"),
            ({"service": "ims"}, "/ims/x", "/data/x"),
            ({"service": "mixpanel"}, "/api/app/x", "/data/x"),
            ({"path": "/data/*/batches/*"}, "/data/a/b/batches/1", "/data/batches"),
            ({"path_regex": r"/b\d$"}, "/data/b7", "/data/b7/x"),
            ({"query": "a=x y"}, "/data/x?a=x%20y", "/data/x?a=xy"),
            ({"query": "a=x%20y"}, "/data/x?a=x%20y", "/data/x?a=x+y"),
            ({"method": "get"}, "/data/x", None),
            ({"method": "POST"}, None, "/data/x"),
            ({}, "/anything", "/_sandbox/health"),
        ],
    )
    def test_which_requests_are_affected(
        self, sandbox: Sandbox, match: dict[str, str], hit: str | None, missed: str | None
    ) -> None:
        sandbox.fault({"do": "answer", "status": 418}, match=match, times=None)
        if hit:
            assert self.ask(sandbox, hit) == 418
        if missed:
            assert self.ask(sandbox, missed) != 418

    def test_skip_and_times(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "answer", "status": 418}, match={"path": "/x"}, skip=2, times=2)
        assert [self.ask(sandbox, "/x") for _ in range(6)] == [501, 501, 418, 418, 501, 501]
        [fault] = sandbox.control("/faults", method="GET")
        assert (fault["met"], fault["happened"]) == (6, 2)

    def test_the_oldest_fault_is_used_first(self, sandbox: Sandbox) -> None:
        first = sandbox.fault({"do": "answer", "status": 418})
        second = sandbox.fault({"do": "answer", "status": 419})
        assert [self.ask(sandbox, "/x") for _ in range(3)] == [418, 419, 501]
        assert [entry["fault"] for entry in sandbox.transcript(path="/x")] == [first, second, None]

    def test_clearing(self, sandbox: Sandbox) -> None:
        first = sandbox.fault({"do": "answer", "status": 418}, times=None)
        sandbox.fault({"do": "answer", "status": 419}, times=None)
        sandbox.control(f"/faults/{first}", method="DELETE")
        assert self.ask(sandbox, "/x") == 419
        assert sandbox.control("/faults", method="DELETE") == {"forgotten": 1}
        assert self.ask(sandbox, "/x") == 501
        gone = sandbox.session.delete(f"{sandbox.url}/_sandbox/faults/{first}", timeout=9)
        assert gone.status_code == 404

    @pytest.mark.parametrize(
        "fault",
        [
            {"action": {"do": "explode"}},
            {"action": {"do": "cut", "after_byte": 3}},
            {"action": {"do": "answer", "status": 99}},
            {"action": {"do": "answer"}, "match": {"path_regex": "("}},
            {"action": {"do": "answer"}, "times": 0},
            {"match": {}},
            {},
        ],
    )
    def test_an_invalid_plan_is_refused(self, sandbox: Sandbox, fault: dict[str, Any]) -> None:
        answer = sandbox.session.post(f"{sandbox.url}/_sandbox/faults", json=fault, timeout=9)
        assert answer.status_code == 422
        assert re.match(r"body\.\S+: .+\.$", answer.json()["error"])

    def test_the_connection_stays_usable_after_a_complete_response(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "answer", "status": 503, "body": "busy"}, match=EXPORT, times=3)
        with socket.create_connection(("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1])), timeout=5) as wire:
            for _ in range(3):
                wire.sendall(b"GET /api/2.0/export HTTP/1.1\r\nhost: x\r\n\r\n")
                got = b""
                while not got.endswith(b"busy"):
                    got += wire.recv(65536)
                assert got.startswith(b"HTTP/1.1 503")


def test_faults_survive_json(sandbox: Sandbox) -> None:
    sandbox.fault({"do": "sentinel", "text": "é"}, match=EXPORT)
    [fault] = sandbox.control("/faults", method="GET")
    assert json.loads(json.dumps(fault))["action"]["text"] == "é"
