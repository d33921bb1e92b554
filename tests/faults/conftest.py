"""One sandbox and one S3 server for all cases of a worker; the last line of ``make faults``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from mixpanel_aep_sandbox.core.server import SandboxServer
from tests.faults.chaos.prepared_days import Prepared
from tests.faults.environment import FaultEnvironment
from tests.faults.matrix import SHOWN_ELSEWHERE
from tests.faults.s3_proxy import S3Proxy, proxied
from tests.support.canaries import AWS_KEY, AWS_SECRET
from tests.support.s3_server import s3_environment, s3_server

BUCKET = "lake-of-the-faults"
_COUNTED = ("lost", "duplicate", "phantom", "unexplained")


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Proxy]:
    """moto's server behind a proxy that can inject faults."""
    with s3_server(BUCKET) as url, proxied(url) as proxy:
        yield proxy


def environment(proxy: S3Proxy) -> dict[str, str]:
    """The environment of a process that uses it."""
    return s3_environment(proxy.url, AWS_KEY, AWS_SECRET)


@pytest.fixture(scope="session")
def stage_for_all(s3: S3Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultEnvironment]:
    with SandboxServer(tmp_path_factory.mktemp("sandbox")) as server:
        yield FaultEnvironment(server.url, tmp_path_factory.mktemp("faults"), s3, environment(s3), BUCKET)


@pytest.fixture(scope="session")
def prepared(stage_for_all: FaultEnvironment) -> Prepared:
    return Prepared(stage_for_all)


@pytest.fixture
def stage(stage_for_all: FaultEnvironment, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultEnvironment]:
    for name, value in stage_for_all.environment.items():
        monkeypatch.setenv(name, value)
    yield stage_for_all
    stage_for_all.clear_up()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Tally(), "faults-tally")


class _Tally:
    """Count the cases that the tests have shown, and print them in the last line."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.cases: dict[str, bool] = {}
        self.seeds: list[int] = []
        self.elsewhere: dict[str, list[str]] = {}
        for case in SHOWN_ELSEWHERE:
            for test in case.tests:
                self.elsewhere.setdefault(test, []).append(case.number)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        facts = dict(report.user_properties)
        if report.skipped and "time is up" in str(report.longrepr):
            self.count["not played"] += 1
        elif report.when == "call" or report.failed:
            names = report.nodeid, report.nodeid.partition("[")[0], report.nodeid.partition("::")[0]
            shown = {number for name in names for number in self.elsewhere.get(name, ())}
            for number in {*shown, *([str(facts["case"])] if "case" in facts else ())}:
                self.cases[number] = self.cases.get(number, True) and report.passed
            if report.when == "call":
                self.seeds += [int(str(facts["seed"]))] if "seed" in facts else []
                self.count.update({name: int(str(facts.get(name, 0))) for name in _COUNTED})

    def pytest_unconfigure(self) -> None:
        if self.cases or self.seeds:
            count, plans = self.count, len(self.seeds)
            if count["not played"]:
                print(
                    f"Time was up: {plans} of {plans + count['not played']} random plans were played. "
                    "MINUTES=30 gives them longer."
                )
            if self.seeds:
                print(
                    f"Random plans of seeds {min(self.seeds)} to {max(self.seeds)}; SEED={max(self.seeds) + 1} plays others."
                )
            print(
                f"faults: {len(self.cases)} cases, {sum(self.cases.values())} passed, {plans} random plans, "
                + ", ".join(f"{name} {count[name]}" for name in _COUNTED)
            )
