"""``make audit-constraints`` resolves the project's bounds together with the constraints of an Airflow version."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(
        not os.environ.get("IMAGE_STEPS"), reason="needs a package registry: make test-distributed runs it"
    ),
]
ROOT = Path(__file__).parents[2]


def audit(folder: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run the check with the installed versions as constraints, except those in ``changed``."""
    installed = {each.metadata["Name"].lower(): each.version for each in distributions()} | changed
    pins = {name.replace("_", "-"): version for name, version in installed.items()}
    ours = ("mixpanel-aep", "mixpanel-aep-sandbox")
    text = "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()) if name not in ours)
    for version in ("3.11", "3.12", "3.13"):
        (folder / f"constraints-{version}.txt").write_text(text)
    return subprocess.run(
        [ROOT / "scripts/audit_constraints.sh"],
        env=os.environ | {"CONSTRAINTS": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_versions_that_work_together_fit(tmp_path: Path) -> None:
    done = audit(tmp_path)
    assert (done.returncode, done.stdout.count("fits the constraints")) == (0, 3), done.stderr


def test_a_constraint_below_a_bound_is_reported(tmp_path: Path) -> None:
    done = audit(tmp_path, great_expectations="1.0.0")
    assert (done.returncode, done.stderr.count("does not fit the constraints")) == (1, 3)
    assert "great-expectations>=1.18.1" in done.stderr
