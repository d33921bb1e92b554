"""Modules that are imported at their first use: GX does not load statistics and charts, and others can still use them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from include.quality.deferred_import import defer_import

pytestmark = pytest.mark.unit


def output(program: str) -> list[str]:
    """Return the lines that a program prints in a new process, in which no library was imported."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]


def test_a_suite_runs_without_the_statistics_and_charts_of_great_expectations() -> None:
    program = """
import sys
from include.quality import gx
from include.quality.checks import Check
gx.load_great_expectations()
print([name for name in sys.modules if name.startswith(("scipy.stats.", "altair."))])
from scipy import stats
import scipy.stats
print(scipy.stats.norm.cdf(0.0), stats.norm.cdf(0.0), sys.modules["scipy.stats"].norm is stats.norm)
"""
    assert output(program) == ["[]", "0.5 0.5 True"]


@pytest.mark.parametrize(
    "use", ["import wave; wave.Error", "from wave import Error", "import wave; from wave import *; Error"]
)
def test_a_deferred_module_is_loaded_at_its_first_use(use: str) -> None:
    program = f"""
import sys
from include.quality.deferred_import import defer_import
defer_import("wave", lambda: __import__("wave"))
import wave
print(hasattr(wave, "__file__"), "Error" in vars(wave))
{use}
print(sys.modules["wave"].__file__.endswith("wave.py"), sys.modules["wave"].Error.__module__)
"""
    assert output(program) == ["False False", "True wave"]


def test_a_submodule_of_a_deferred_package_can_be_imported() -> None:
    program = """
from include.quality.deferred_import import defer_import
defer_import("wsgiref", lambda: __import__("wsgiref"))
import wsgiref.util
print(wsgiref.util.FileWrapper.__name__)
"""
    assert output(program) == ["FileWrapper"]


def test_imported_and_missing_modules_are_left_alone() -> None:
    loaded = sys.modules["subprocess"]
    defer_import("subprocess", lambda: subprocess)
    assert sys.modules["subprocess"] is loaded
    defer_import("mixpanel_aep_missing", lambda: subprocess)
    assert "mixpanel_aep_missing" not in sys.modules
