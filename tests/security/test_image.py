"""The image: the owner of its files, its packages, their licences and their known vulnerabilities."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.http_server import Reply, Request, serve_http

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
_DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def script(name: str) -> Any:
    spec = spec_from_file_location(f"scripts_{name}", ROOT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_runtime_user_cannot_write_code_in_the_image() -> None:
    copies = re.findall(r"^COPY (.*)$", _DOCKERFILE, re.MULTILINE)
    assert copies
    assert not [line for line in copies if "--chown" in line and "--chown=root:" not in line]
    before, _, after = _DOCKERFILE.rpartition("\nUSER ")
    assert after.strip() == "astro"
    assert "chown -h root:0" in before.rpartition("COPY ")[2], "the last step, after everything was copied"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_runtime_user_adds_files_and_changes_no_code(open_folder: Path) -> None:
    """Run the Dockerfile's own commands on a folder as a runtime image leaves it: owned by astro."""
    (command,) = re.findall(r"^RUN (find (?:.*\\\n)*.*)$", _DOCKERFILE, re.MULTILINE)
    home = open_folder / "airflow"
    for name in ("include/a.py", "dags/a.py", "plugins/p/a.py", "logs/old.log", "pyproject.toml"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("1")
    (home / "include" / "link.py").symlink_to("a.py")
    runtime_user = 65534
    for path in [home, *home.rglob("*")]:
        os.chown(path, runtime_user, 0, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o777)
    # The user astro exists only in the image.
    script_text = command.replace("chown astro:0", f"chown {runtime_user}:0").replace("\\\n", " ")
    subprocess.run(["bash", "-ec", script_text], cwd=home, check=True)
    attempts = """
    echo 2 > include/a.py; echo 2 > dags/b.py; mv include gone; rm -f pyproject.toml; mv plugins/p plugins/q
    rm -f include/link.py; echo 2 > pyproject.toml; ln -sf /tmp dags/x; chmod 777 include
    echo 1 > airflow.cfg; echo 1 > logs/new.log; echo 2 > logs/old.log
    """
    subprocess.run(
        ["bash", "-c", attempts], cwd=home, check=False, user=runtime_user, group=0, extra_groups=[], capture_output=True,
    )  # fmt: skip
    assert sorted(str(path.relative_to(home)) for path in home.rglob("*")) == [
        "airflow.cfg", "dags", "dags/a.py", "include", "include/a.py", "include/link.py", "logs", "logs/new.log",
        "logs/old.log", "plugins", "plugins/p", "plugins/p/a.py", "pyproject.toml",
    ]  # fmt: skip
    assert {path.read_text() for path in home.rglob("*.py")} == {"1"}
    assert (home / "pyproject.toml").read_text() == "1"
    assert (home / "logs" / "old.log").read_text() == "2\n"
    assert not (home / "include").stat().st_mode & 0o022


def test_every_package_of_the_image_has_a_known_licence() -> None:
    assert script("licences").faults() == []


def test_a_licence_page_that_differs_from_the_lock_is_detected(tmp_path: Path) -> None:
    licences = script("licences")
    (tmp_path / "docs").mkdir()
    (tmp_path / "requirements.txt").write_text(
        "one==1.0 ; python_version < '3.14' \\\n    --hash=sha256:00\nTwo_x[y]==2\n"
    )
    (tmp_path / "requirements-cluster.txt").write_text("two-x==2\nthree==3\n")
    page = tmp_path / "docs" / "licences.md"
    assert licences.faults(tmp_path) == [
        "docs/licences.md does not match the packages of requirements.txt and requirements-cluster.txt."
    ]
    three = "| three | 3 | MIT |\n"
    page.write_text(f"| one | 1.0 | MIT |\n| two-x | 2 | Apache-2.0 OR GPL-3.0 |\n{three}")
    assert licences.faults(tmp_path) == []
    page.write_text(f"| one | 1.1 | MIT |\n| two-x | 2 | AGPL-3.0 |\n{three}")
    assert len(licences.faults(tmp_path)) == 2
    page.write_text(f"| one | 1.0 |  |\n| two-x | 2 | MIT AND GPL-3.0 |\n{three}")
    assert len(licences.faults(tmp_path)) == 2


def test_the_licences_of_the_cluster_image_are_checked_in_the_same_way(tmp_path: Path) -> None:
    licences = script("licences")
    (tmp_path / "docs").mkdir()
    (tmp_path / "requirements.txt").write_text("one==1.0\n")
    page = tmp_path / "docs" / "licences.md"
    page.write_text("| one | 1.0 | MIT |\n| three | 3 | AGPL-3.0 |\n")
    lock = tmp_path / "requirements-cluster.txt"
    lock.write_text("one==1.0\nthree==3\n")
    assert licences.faults(tmp_path) == ["docs/licences.md: the licence of three is unknown: AGPL-3.0."]
    page.write_text("| one | 1.0 | MIT |\n")
    assert licences.faults(tmp_path) == [
        "docs/licences.md does not match the packages of requirements.txt and requirements-cluster.txt."
    ]
    lock.write_text("one==2.0\n")
    assert "requirements.txt and requirements-cluster.txt have different versions of one." in licences.faults(
        tmp_path
    )


class Osv:
    """Return OSV's responses: package one has a vulnerability, another one a withdrawn one, and one an accepted one."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, path: str, body: Any) -> Any:
        self.asked.append(path)
        if path == "querybatch":
            assert body["queries"][0] == {"package": {"ecosystem": "PyPI", "name": "one"}, "version": "1.0"}
            ids = ["GHSA-1", "GHSA-2", "GHSA-3"]
            return {"results": [{"vulns": [{"id": each} for each in ids]}, {}]}
        return {
            "vulns/GHSA-1": {"summary": "reads files", "aliases": ["CVE-1"]},
            "vulns/GHSA-2": {"withdrawn": "2026-01-01T00:00:00Z"},
            "vulns/GHSA-3": {"aliases": ["CVE-3"]},
        }[path]


def test_a_known_vulnerability_is_reported_once_unless_it_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audit = script("audit_packages")
    monkeypatch.setattr(audit, "ACCEPTED", {"CVE-3": "the function is not called"})
    packages = {"one": ["1.0"], "two": ["2"]}
    assert list(audit.found(packages, Osv())) == ["one 1.0: GHSA-1 reads files"]


@pytest.mark.parametrize(
    "answer", [requests.ConnectionError("no network"), requests.Timeout("slow"), {"results": []}, {}, None, "<html>"],
    ids=["unreachable", "slow", "too few", "another object", "null", "a page"],
)  # fmt: skip
def test_without_the_database_the_audit_reports_not_checked_and_passes(
    answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(path: str, body: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert script("audit_packages").main(ask) == 0
    assert capsys.readouterr().out.startswith("audit: not checked, https://api.osv.dev/v1 did not respond")


def test_a_finding_fails_the_audit(capsys: pytest.CaptureFixture[str]) -> None:
    def ask(path: str, body: Any) -> Any:
        results = [{} for _ in body["queries"]] if body else []
        return {"results": [{"vulns": [{"id": "GHSA-9"}]}, *results[1:]]} if body else {"summary": "bad"}

    assert script("audit_packages").main(ask) == 1
    assert "GHSA-9 bad" in capsys.readouterr().out
    assert "audit" in (ROOT / ".ci" / "run").read_text()
    assert sys.modules.get("licences")


def test_the_audit_speaks_osvs_protocol(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over HTTP, against a server that answers as osv.dev documents: a batch of queries, then each vulnerability."""
    audit = script("audit_packages")

    def osv(request: Request) -> Reply:
        if (request.method, request.path) == ("GET", "/v1/vulns/GHSA-1"):
            return Reply.json({"id": "GHSA-1", "summary": "reads files", "aliases": ["CVE-1"]})
        if (request.method, request.path) != ("POST", "/v1/querybatch"):
            return Reply(404)
        queries = json.loads(request.body)["queries"]
        assert all(query["package"]["ecosystem"] == "PyPI" for query in queries)
        named = [(query["package"]["name"], query["version"]) for query in queries]
        assert named == [("one", "1.0"), ("two", "2"), ("two", "3")]
        vulnerable = {"vulns": [{"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z"}]}
        return Reply.json({"results": [{}, vulnerable, {}]})

    monkeypatch.setattr(audit, "pins", lambda: {"one": ["1.0"]})
    monkeypatch.setattr(audit, "more_pins", lambda: {"two": ["2", "3"]})
    with serve_http(osv) as server:
        monkeypatch.setattr(audit, "OSV", f"{server.url}/v1")
        assert audit.main() == 1
        lines = capsys.readouterr().out.splitlines()
        assert lines == [
            "two 2: GHSA-1 reads files",
            "audit: 3 pinned versions checked, 1 known vulnerabilities not accepted.",
        ]
        monkeypatch.setattr(audit, "OSV", f"{server.url}/v2")
        assert audit.main() == 0
        assert f"not checked, {server.url}/v2 did not respond (HTTPError)" in capsys.readouterr().out
