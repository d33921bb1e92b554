"""docs/network.md names every host and port that the code uses."""

from __future__ import annotations

import pytest

from include.aep.data_lake.query_login import QUERY_SERVICE_DOMAIN
from include.aep.settings import IMS_HOST, PLATFORM_HOST
from include.http.network import CA_VARIABLE, PRIVATE_VARIABLE, PROXY_VARIABLE
from include.mixpanel.settings import APP_HOSTS, DATA_HOSTS
from scripts.demo.settings import PORTS
from tests.support.documentation import ROOT

pytestmark = pytest.mark.unit
PAGE = (ROOT / "docs/network.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "host",
    [*DATA_HOSTS.values(), *APP_HOSTS.values(), PLATFORM_HOST, IMS_HOST, QUERY_SERVICE_DOMAIN.strip(".")],
)
def test_every_host_is_on_the_page(host: str) -> None:
    assert f"`{host}`" in PAGE


@pytest.mark.parametrize(("variable", "port"), PORTS.items())
def test_every_port_of_the_demo_is_on_the_page(variable: str, port: int) -> None:
    assert f"| `{variable}` | {port} |" in PAGE


@pytest.mark.parametrize("variable", [PROXY_VARIABLE, CA_VARIABLE, PRIVATE_VARIABLE])
def test_every_variable_is_on_the_page(variable: str) -> None:
    assert f"`{variable}=" in PAGE
