"""FAB's roles, which ``deploy/compose.yaml`` and the Helm chart use, may do what the table of roles says."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(
    not find_spec("airflow.providers") or not find_spec("airflow.providers.fab"),
    reason="FAB is only in requirements-cluster.txt: make test-distributed runs this",
)
def test_fabs_roles_may_do_what_the_documentation_says() -> None:
    from tests.security.test_roles import ROLES, documented

    command = [sys.executable, "-m", "tests.deploy.fab_roles"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    different = set()
    for action, allowed in documented().items():
        for role in ROLES:
            assert not {405, 500} & set(found[action][role]), (action, role, found[action][role])
            if {status not in (401, 403) for status in found[action][role]} != {allowed[role]}:
                different.add((action, role))
    assert different == {("change XCom", "user")}
    page = " ".join((ROOT / "docs/security.md").read_text(encoding="utf-8").split())
    assert "the same rights, except that `user` cannot change XCom" in page
