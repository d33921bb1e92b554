"""A page in a browser on this machine changes nothing in the sandbox, in the demo's S3 and in the demo's Airflow.

Pages may send requests anywhere, but read only the responses of their own origin. By DNS rebinding a page's own name
resolves to this machine, and the sandbox belongs to its origin then.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mixpanel_aep_sandbox.core.app import build_app
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Store
from scripts.demo.s3 import without_web_pages
from scripts.demo.settings import PORTS, USER, DemoSettings

Headers = dict[str, str]
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
HERE = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The whole sandbox, called from this machine as ``127.0.0.1:8765``."""
    state = SandboxState(Store(tmp_path_factory.mktemp("sandbox")))
    app = build_app(state, ["sandbox"])
    yield TestClient(app, base_url=HERE, client=("127.0.0.1", 5))
    state.store.close()


PAGES: dict[str, Headers] = {
    "another site": {"origin": "http://evil.example", "sec-fetch-site": "cross-site"},
    "another site over https": {"origin": "https://evil.example"},
    "another port of this machine": {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-site"},
    "another name of this machine": {"origin": "http://localhost:8765"},
    "another scheme": {"origin": "https://127.0.0.1:8765"},
    "no origin to name": {"origin": "null"},
    "a file": {"origin": "file://"},
    "two origins": {"origin": f"{HERE} http://evil.example"},
    "an empty origin": {"origin": ""},
    "rebinding": {"origin": "http://evil.example:8765", "host": "evil.example:8765"},
    "rebinding to 0.0.0.0": {"origin": "http://0.0.0.0:8765", "host": "0.0.0.0:8765"},
    "no origin but a site": {"sec-fetch-site": "cross-site"},
    "no origin but a neighbour": {"sec-fetch-site": "same-site"},
}
CHANGES: list[tuple[str, str]] = [
    ("POST", "/_sandbox/reset"), ("POST", "/_sandbox/clock"), ("POST", "/_sandbox/faults"), ("DELETE", "/_sandbox/faults"),
    ("POST", "/_sandbox/mixpanel/projects"), ("DELETE", "/_sandbox/mixpanel/projects/3000002"),
    ("POST", "/_sandbox/mixpanel/projects/3000002/events"), ("POST", "/_sandbox/aep/settings"),
    ("POST", "/_sandbox/aep/query-credentials"), ("PUT", "/_sandbox/nothing"), ("PATCH", "/_sandbox/nothing"),
    ("POST", "/ims/token/v3"), ("POST", "/data/foundation/import/batches"), ("DELETE", "/data/foundation/catalog/dataSets/1"),
    ("PATCH", "/data/foundation/schemaregistry/tenant/schemas/1"), ("PUT", "/data/foundation/import/batches/1/datasets/1/files/a"),
    ("POST", "/api/2.0/engage"), ("POST", "/api/app/projects/3000002/service-accounts"), ("POST", "/nothing"),
]  # fmt: skip


@pytest.mark.sandbox
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("sent", [JSON, FORM, {}], ids=["json", "form", "nothing"])
def test_a_page_of_another_origin_changes_nothing(client: TestClient, page: str, sent: Headers) -> None:
    before = client.get("/_sandbox/clock").json()["frozen"], client.get("/_sandbox/mixpanel/projects").json()
    for method, path in CHANGES:
        answer = client.request(
            method, path, headers={**sent, **PAGES[page]}, content=b'{"freeze": true}' if sent else b""
        )
        assert answer.status_code in (403, 421), (method, path)
        assert "error" in answer.json()
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert (
        client.get("/_sandbox/clock").json()["frozen"],
        client.get("/_sandbox/mixpanel/projects").json(),
    ) == before


@pytest.mark.sandbox
@pytest.mark.parametrize("path", ["/_sandbox/reset", "/ims/token/v3", "/_sandbox/health"])
def test_no_page_gets_permission_by_a_preflight(client: TestClient, path: str) -> None:
    asked = {"origin": "http://evil.example", "access-control-request-method": "POST",
             "access-control-request-headers": "content-type,x-sandbox-client"}  # fmt: skip
    answer = client.options(path, headers=asked)
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "sent",
    [
        FORM,
        {"content-type": "text/plain; charset=utf-8"},
        {"content-type": "Multipart/Form-Data; boundary=x"},
    ],
)
def test_forms_of_old_browsers_do_not_reach_the_control_plane(client: TestClient, sent: Headers) -> None:
    answer = client.post("/_sandbox/reset", headers=sent, content=b"a=b")
    assert (answer.status_code, "X-Sandbox-Client" in answer.json()["error"]) == (403, True)
    assert (
        client.post(
            "/_sandbox/clock", headers={**sent, "x-sandbox-client": "mine"}, content=b"{}"
        ).status_code
        != 403
    )


CLIENTS: dict[str, Headers] = {
    "curl with a body": {"user-agent": "curl/8.5.0", **JSON},
    "curl without one": {"user-agent": "curl/8.5.0"},
    "a client that names the address": {"origin": HERE, **JSON},
    "the sandbox's own page": {"origin": HERE, "sec-fetch-site": "same-origin", **JSON},
    "a name given at start": {"host": "sandbox:8090", "origin": "http://sandbox:8090", **JSON},
    "a person's address bar": {"sec-fetch-site": "none", **JSON},
}


@pytest.mark.sandbox
@pytest.mark.parametrize("name", CLIENTS)
def test_other_clients_are_unaffected(client: TestClient, name: str) -> None:
    content = b"{}" if "content-type" in CLIENTS[name] else b""
    for method, path in CHANGES[1:]:
        if not path.startswith("/_sandbox/mixpanel"):
            answer = client.request(method, path, headers=CLIENTS[name], content=content)
            assert answer.status_code != 421
            assert "web page" not in answer.text, path


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "host", ["platform.adobe.io", "ims-na1.adobelogin.com", "anything.example:80", "192.0.2.7"]
)
def test_the_services_answer_clients_under_any_name(client: TestClient, host: str) -> None:
    answer = client.post("/ims/token/v3", data={"grant_type": "x"}, headers={"host": host})
    assert answer.status_code in (400, 401), "the service answered, not the guard"


def wsgi(**environ: str) -> tuple[str, list[str]]:
    """Return the response of the S3 server's guard, and whether the application behind it was called."""
    called: list[str] = []
    said: list[str] = []

    def app(_environ: dict[str, Any], start: Any) -> list[bytes]:
        called.append("called")
        start("200 OK", [])
        return [b""]

    list(without_web_pages(app)(dict(environ), lambda status, headers: said.append(status)))
    return said[0], called


@pytest.mark.unit
@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_ORIGIN": "http://evil.example", "HTTP_HOST": "127.0.0.1:8766"}, {"HTTP_HOST": "evil.example:8766"}, {},
        {"HTTP_HOST": "127.0.0.1.evil.example"}, {"HTTP_HOST": "[::1].evil.example"}, {"HTTP_HOST": "localhost.evil.example"},
        {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_HOST": "localhost"}, {"HTTP_HOST": ""},
    ],
)  # fmt: skip
def test_the_demos_s3_accepts_nothing_from_a_page(environ: dict[str, str]) -> None:
    assert wsgi(**environ) == ("403 Forbidden", [])


@pytest.mark.unit
@pytest.mark.parametrize("host", ["127.0.0.1:8766", "localhost:8766", "[::1]:8766", "LOCALHOST"])
def test_the_demos_s3_answers_its_clients(host: str) -> None:
    assert wsgi(HTTP_HOST=host) == ("200 OK", ["called"])


@pytest.mark.unit
def test_the_demos_airflow_requires_a_login_with_its_own_password(tmp_path: Path) -> None:
    """A page with the origin of this Airflow, by DNS rebinding, has no token for it."""
    settings = [DemoSettings("file", PORTS, tmp_path / name) for name in ("one", "two")]
    environment = settings[0].airflow_environment()
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == f"{USER}:admin"
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    file = Path(environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert json.loads(file.read_text()) == {USER: settings[0].password}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert settings[0].airflow_environment() == environment, "it stays the same"
    assert settings[0].password != settings[1].password
    assert len(settings[0].password) >= 32
