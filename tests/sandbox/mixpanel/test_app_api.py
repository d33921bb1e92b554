"""The application API: data views, annotations, Lexicon schemas, and service accounts."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import requests

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

SHOP, NEW = data.SHOP_PROJECT_ID, 4000001
PROJECT = f"/api/app/projects/{NEW}"
ACCOUNTS = f"/api/app/organizations/{data.ORGANIZATION_ID}/service-accounts"
ADMIN = ("boss", "s")


@pytest.fixture
def new(sandbox: Sandbox) -> Sandbox:
    """A project where the demo account is an analyst, and ``boss`` is an admin of project and organisation."""
    accounts = [
        {"username": ACCOUNT[0], "secret": ACCOUNT[1]},
        {"username": "boss", "secret": "s", "role": "admin", "organization_role": "admin"},
        {"username": "reader", "secret": "s", "role": "consumer"},
    ]
    sandbox.project(NEW, accounts=accounts, lexicon_limits={"enabled": False})
    return sandbox


def ask(
    sandbox: Sandbox, path: str, method: str = "GET", auth: Any = ACCOUNT, **options: Any
) -> requests.Response:
    return sandbox.session.request(method, sandbox.url + path, auth=auth, timeout=20, **options)


def reported(sandbox: Sandbox, path: str, method: str = "GET", status: int = 200, **options: Any) -> Any:
    answer = ask(sandbox, path, method, **options)
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(answer: requests.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "status"}
    assert body["status"] == "error"


class TestAccess:
    PATHS = ("/annotations", "/annotations/tags", "/schemas", "/schemas/event", "/workspaces/public")

    def test_no_credentials_and_a_project_secret_are_401(self, new: Sandbox) -> None:
        new.project(NEW, secret="abc")
        for path in ["/api/app/me", ACCOUNTS, *(PROJECT + path for path in self.PATHS)]:
            refused(ask(new, path, auth=None), 401)
            refused(ask(new, path, auth=("abc", "")), 401)

    def test_a_bearer_token_is_accepted(self, new: Sandbox) -> None:
        new.project(NEW, accounts=[{"username": "b", "secret": "s", "bearer": "made-up"}])
        headers = {"authorization": "Bearer made-up"}
        for path in self.PATHS:
            assert ask(new, PROJECT + path, auth=None, headers=headers).status_code == 200

    @pytest.mark.parametrize(("given", "status"), [(None, 401), (400, 400)])
    def test_an_expired_account(self, new: Sandbox, given: int | None, status: int) -> None:
        account = {"username": "old", "secret": "s", "expires": "2026-01-01", "expired_status": given}
        new.project(NEW, accounts=[account])
        refused(ask(new, "/api/app/me", auth=("old", "s")), status)
        refused(ask(new, PROJECT + "/annotations", auth=("old", "s")), status)
        assert new.export(NEW, "2026-01-01", auth=("old", "s")).status_code == 400

    def test_another_project_is_403_and_an_invalid_number_404(self, new: Sandbox) -> None:
        new.project(99)
        for path in self.PATHS:
            refused(ask(new, f"/api/app/projects/99{path}"), 403)
            refused(ask(new, f"/api/app/projects/98{path}"), 403)
            refused(ask(new, f"/api/app/projects/{'9' * 5000}{path}"), 404)
            refused(ask(new, f"/api/app/projects/x{path}"), 404)

    def test_another_region_is_the_cluster_error(self, new: Sandbox) -> None:
        answer = ask(new, PROJECT + "/annotations", headers={"host": "in.mixpanel.com"})
        refused(answer, 400)
        assert answer.json()["error"].endswith("invalid project id for cluster.")

    def test_only_an_analyst_may_change_resources(self, new: Sandbox) -> None:
        reader = ("reader", "s")
        for method, path in (
            ("POST", "/annotations"),
            ("PATCH", "/annotations/1"),
            ("DELETE", "/annotations/1"),
            ("GET", "/annotations/tags"),
            ("POST", "/annotations/tags"),
            ("POST", "/schemas"),
            ("DELETE", "/schemas"),
            ("DELETE", "/schemas/event"),
            ("POST", "/schemas/event/x"),
            ("DELETE", "/schemas/event/x"),
        ):
            refused(ask(new, PROJECT + path, method, auth=reader), 403)
        assert ask(new, PROJECT + "/annotations", auth=reader).status_code == 200

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"\xff", b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}', b"[" * 99_999]
    )
    def test_a_body_that_is_not_an_object_is_400(self, new: Sandbox, body: bytes) -> None:
        for path in ("/annotations", "/annotations/tags", "/schemas", "/schemas/event/x"):
            refused(ask(new, PROJECT + path, "POST", data=body), 400)
        for path in ("", "/add-to-project", "/remove-from-project"):
            refused(ask(new, ACCOUNTS + path, "POST", auth=ADMIN, data=body), 400)


def test_data_views(new: Sandbox) -> None:
    [view] = reported(new, PROJECT + "/workspaces/public")["results"]
    assert view["project_id"] == NEW
    assert (view["name"], view["is_global"], view["is_default"]) == ("All Project Data", True, True)
    assert str(view["id"]) in reported(new, "/api/app/me")["results"]["workspaces"]


class TestAnnotations:
    def made(self, new: Sandbox, **fields: Any) -> Any:
        body = {"date": "2026-06-01 12:00:00", "description": "é", **fields}
        return reported(new, PROJECT + "/annotations", "POST", 201, json=body)["results"]

    def test_create_read_change_delete(self, new: Sandbox) -> None:
        tag = reported(new, PROJECT + "/annotations/tags", "POST", json={"name": "t"})
        made = self.made(new, tags=[tag["id"]])
        assert made == {
            "project_id": NEW,
            "date": "2026-06-01 12:00:00",
            "description": "é",
            "id": made["id"],
            "user": {"id": made["user"]["id"], "first_name": ACCOUNT[0], "last_name": ""},
            "tags": [{"id": tag["id"], "name": "t"}],
        }
        one = f"{PROJECT}/annotations/{made['id']}"
        assert reported(new, one) == {"status": "ok", "results": made}
        assert reported(new, PROJECT + "/annotations/tags") == [{**tag, "has_annotations": True}]
        changed = reported(new, one, "PATCH", json={"description": "new", "tags": []})["results"]
        assert changed == {**made, "description": "new", "tags": []}
        assert reported(new, PROJECT + "/annotations/tags")[0]["has_annotations"] is False
        assert reported(new, one, "DELETE") == {"status": "ok", "results": {"id": made["id"]}}
        for method in ("GET", "PATCH", "DELETE"):
            refused(ask(new, one, method, json={}), 404)
        assert self.made(new)["id"] > made["id"]

    def test_the_project_is_named_as_clients_expect_or_as_documented(self, new: Sandbox) -> None:
        self.made(new)
        new.project(NEW, switches={"annotation_entry": "documented"})
        [entry] = reported(new, PROJECT + "/annotations")["results"]
        assert set(entry) == {"date", "description", "id", "user", "tags"}

    def test_both_ends_are_included(self, new: Sandbox) -> None:
        for day in (
            "2026-05-31 23:59:59",
            "2026-06-01 00:00:00",
            "2026-06-02 23:59:59",
            "2026-06-03 00:00:00",
        ):
            self.made(new, date=day)
        dates = {"fromDate": "2026-06-01", "toDate": "2026-06-02"}
        found = reported(new, PROJECT + "/annotations", params=dates)["results"]
        assert [note["date"] for note in found] == ["2026-06-01 00:00:00", "2026-06-02 23:59:59"]
        refused(ask(new, PROJECT + "/annotations", params={"fromDate": "June"}), 400)
        old = reported(new, "/api/2.0/annotations", params={"project_id": NEW, "from_date": "2026-06-03"})
        assert old["error"] is False
        [only] = old["annotations"]
        assert (only["date"], only["project_id"]) == ("2026-06-03 00:00:00", NEW)

    @pytest.mark.parametrize(
        "body",
        [
            {"description": "x"},
            {"date": "2026-06-01 12:00:00"},
            {"date": "2026-06-01", "description": "x"},
            {"date": "2026-13-01 12:00:00", "description": "x"},
            {"date": 5, "description": "x"},
            {"date": "2026-06-01 12:00:00", "description": 5},
            {"date": "2026-06-01 12:00:00", "description": "x", "tags": ["1"]},
            {"date": "2026-06-01 12:00:00", "description": "x", "tags": [77]},
            {"date": "2026-06-01 12:00:00", "description": "x", "id": 3},
        ],
    )
    def test_invalid_parameters_are_400(self, new: Sandbox, body: dict[str, Any]) -> None:
        refused(ask(new, PROJECT + "/annotations", "POST", json=body), 400)
        assert reported(new, PROJECT + "/annotations")["results"] == []

    def test_the_control_plane_adds_annotations(self, new: Sandbox) -> None:
        items = {"items": [{"date": "2026-06-01 12:00:00", "description": "x"}]}
        new.control(f"/mixpanel/projects/{NEW}/annotations", items)
        assert [note["description"] for note in reported(new, PROJECT + "/annotations")["results"]] == ["x"]


class TestLexicon:
    SCHEMA: ClassVar[dict[str, Any]] = {
        "$schema": "http://json-schema.org/draft-07/schema",
        "description": "Tracked when a user adds an item to their cart.",
        "required": ["item_name"],
        "additionalProperties": True,
        "properties": {
            "item_name": {"type": "string", "description": "The name", "examples": ["Blue Widget"]},
            "gone": {"type": "null", "metadata": {"com.mixpanel": {"hidden": True, "displayName": "Gone"}}},
        },
        "metadata": {"com.mixpanel": {"$source": "x", "tags": ["core"], "contacts": [], "dropped": False}},
    }

    def entry(self, name: str, kind: str = "event") -> dict[str, Any]:
        return {"entityType": kind, "name": name, "schemaJson": self.SCHEMA}

    def test_many_at_once(self, new: Sandbox) -> None:
        entries = [self.entry("A"), self.entry("Å / b"), self.entry("A", "profile")]
        body = {"entries": entries}
        answer = reported(new, PROJECT + "/schemas", "POST", json=body)
        assert answer == {"results": {"added": 3, "deleted": 0}, "status": "ok"}
        assert reported(new, PROJECT + "/schemas") == {"results": entries, "status": "ok"}
        assert reported(new, PROJECT + "/schemas/event")["results"] == entries[:2]
        named = reported(new, PROJECT + "/schemas/event", params={"entity_name": "Å / b"})
        assert named["results"] == [entries[1]]
        assert reported(new, PROJECT + "/schemas/profile/")["results"] == entries[2:]
        replaced = reported(
            new, PROJECT + "/schemas", "POST", json={"entries": entries[:1], "truncate": True}
        )
        assert replaced["results"] == {"added": 1, "deleted": 3}
        assert reported(new, PROJECT + "/schemas/profile")["results"] == []

    def test_one_by_its_name(self, new: Sandbox) -> None:
        one = PROJECT + "/schemas/event/Page%20%2Fhome%0A%E2%98%95"
        assert reported(new, one, "POST", json=self.SCHEMA) == {"status": "ok"}
        assert reported(new, one) == reported(new, one + "/") == self.SCHEMA
        assert reported(new, PROJECT + "/schemas")["results"][0]["name"] == "Page /home\n☕"
        new.project(NEW, switches={"schema_by_name": "enveloped"})
        assert reported(new, one) == {"results": self.SCHEMA, "status": "ok"}
        assert reported(new, one, "DELETE") == {"results": {"delete_count": 1}, "status": "ok"}
        refused(ask(new, one), 404)
        assert reported(new, one, "DELETE")["results"] == {"delete_count": 0}

    def test_deleting(self, new: Sandbox) -> None:
        entries = [self.entry("A"), self.entry("B"), self.entry("C"), self.entry("P", "profile")]
        reported(new, PROJECT + "/schemas", "POST", json={"entries": entries})
        by_name = ask(new, PROJECT + "/schemas/event", "DELETE", params={"entity_name": "A"})
        assert by_name.json()["results"] == {"delete_count": 1}
        assert reported(new, PROJECT + "/schemas/event", "DELETE")["results"] == {"delete_count": 2}
        assert reported(new, PROJECT + "/schemas", "DELETE")["results"] == {"delete_count": 1}

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"entries": {}},
            {"entries": [{"entityType": "event", "name": "x"}]},
            {"entries": [{"entityType": "group", "name": "x", "schemaJson": {}}]},
            {"entries": [{"entityType": "event", "name": 5, "schemaJson": {}}]},
            {"entries": [{"entityType": "event", "name": "x", "schemaJson": {}, "y": 1}]},
            {"entries": [], "truncate": "yes"},
            {"entries": [], "z": 1},
            {"entries": [{"entityType": "event", "name": "x", "schemaJson": {"properties": {"p": {}}}}]},
        ],
    )
    def test_invalid_parameters_are_400(self, new: Sandbox, body: dict[str, Any]) -> None:
        refused(ask(new, PROJECT + "/schemas", "POST", json=body), 400)

    @pytest.mark.parametrize(
        "schema",
        [
            {"description": 5},
            {"properties": []},
            {"properties": {"p": {"type": "text"}}},
            {"properties": {"p": {"type": "string", "metadata": {"com.mixpanel": {"colour": "red"}}}}},
            {"metadata": {"com.mixpanel": {"hidden": "yes"}}},
        ],
    )
    def test_an_invalid_schema_is_400(self, new: Sandbox, schema: dict[str, Any]) -> None:
        refused(ask(new, PROJECT + "/schemas/event/x", "POST", json=schema), 400)
        refused(ask(new, PROJECT + "/schemas/group/x", "POST", json={}), 400)

    def test_five_requests_a_minute_for_the_whole_organisation(self, new: Sandbox) -> None:
        new.control("/clock", {"set": "2026-07-05T00:00:00Z", "freeze": True})
        new.project(NEW, lexicon_limits={"enabled": True, "retry_after": True})
        paths = [PROJECT + "/schemas", f"/api/app/projects/{SHOP}/schemas"]
        assert {ask(new, paths[n % 2]).status_code for n in range(5)} == {200}
        answers = [ask(new, path) for path in paths]
        for answer in answers:
            refused(answer, 429)
        assert answers[0].headers["retry-after"] == "61"
        assert ask(new, "/api/app/me").status_code == 200
        assert ask(new, PROJECT + "/annotations").status_code == 200
        new.control("/clock", {"advance_seconds": 60})
        assert ask(new, PROJECT + "/schemas").status_code == 200

    def test_less_than_4000_entities_a_minute_and_3000_deletions_a_request(self, new: Sandbox) -> None:
        new.control("/clock", {"set": "2026-07-05T00:00:00Z", "freeze": True})
        new.project(NEW, lexicon_limits={"enabled": True, "per_minute": 100})
        many = [{"entityType": "event", "name": f"e{n}", "schemaJson": {}} for n in range(3000)]
        reported(new, PROJECT + "/schemas", "POST", json={"entries": many})
        wide = {"properties": {f"p{n}": {"type": "null"} for n in range(999)}}
        refused(ask(new, PROJECT + "/schemas/event/wide", "POST", json=wide), 429)
        wide["properties"].pop("p0")
        reported(new, PROJECT + "/schemas/event/wide", "POST", json=wide)
        refused(ask(new, PROJECT + "/schemas", "DELETE"), 400)
        for name in ("e0", "wide"):
            reported(new, f"{PROJECT}/schemas/event/{name}", "DELETE")
        assert reported(new, PROJECT + "/schemas", "DELETE")["results"] == {"delete_count": 2999}


class TestServiceAccounts:
    def test_those_of_the_organisation(self, new: Sandbox) -> None:
        new.control("/clock", {"set": "2026-07-05T00:00:00Z", "freeze": True})
        new.project(NEW, accounts=[{"username": "x", "secret": "s", "expires": "2026-08-01T00:00:00Z"}])
        found = {account["username"]: account for account in reported(new, ACCOUNTS, auth=ADMIN)["results"]}
        assert set(found) == {"boss", "reader", "x", ACCOUNT[0], data.ADMIN_ACCOUNT}
        expected = {"id", "username", "last_used", "expires", "creator", "created", "user"}
        assert set(found["x"]) == expected
        assert found["x"]["expires"] == "2026-08-01T00:00:00+00:00"
        assert (found["x"]["last_used"], found["boss"]["expires"]) == (None, None)
        assert found["boss"]["last_used"] == "2026-07-05T00:00:00+00:00"
        one = f"{ACCOUNTS}/{found['x']['id']}"
        assert reported(new, one, auth=ADMIN) == found["x"]

    def test_those_of_a_project(self, new: Sandbox) -> None:
        new.project(NEW, accounts=[{"username": "c", "secret": "s", "role": "classified"}])
        new.project(98, accounts=[{"username": "elsewhere", "secret": "s"}])
        found = reported(new, PROJECT + "/service-accounts", auth=ADMIN)["results"]
        roles = {account["username"]: account["role"] for account in found}
        assert roles == {ACCOUNT[0]: "analyst", "boss": "admin", "reader": "consumer", "c": "classified"}
        assert [account["hasSensitiveAccess"] for account in found if account["username"] in "bossc"] == [
            False,
            True,
        ]
        assert {account["target_type"] for account in found} == {"individual"}

    def test_only_an_admin_may_read(self, new: Sandbox) -> None:
        for auth in (ACCOUNT, ("reader", "s")):
            refused(ask(new, ACCOUNTS, auth=auth), 403)
            refused(ask(new, PROJECT + "/service-accounts", auth=auth), 403)
            refused(ask(new, ACCOUNTS, "POST", auth=auth, json={"username": "x"}), 403)
        refused(ask(new, "/api/app/organizations/1/service-accounts", auth=ADMIN), 404)
        new.project(97, organization_id=5)
        refused(ask(new, "/api/app/organizations/5/service-accounts", auth=ADMIN), 403)

    def test_create_use_move_delete(self, new: Sandbox) -> None:
        body = {"username": "Night job!", "role": "consumer", "projects": [{"id": NEW, "role": "analyst"}]}
        body |= {"expires": "2030-01-01T00:00:00Z"}
        made = reported(new, ACCOUNTS, "POST", 201, auth=ADMIN, json=body)["results"]
        assert made["username"].startswith("night-job.")
        assert made["username"].endswith(".mp-service-account")
        auth = (made["username"], made.pop("token"))
        assert new.export(NEW, "2026-01-01", auth=auth).status_code == 200
        assert "token" not in reported(new, f"{ACCOUNTS}/{made['id']}", auth=ADMIN)
        ids = [made["id"]]
        leave = {"projects": [{"id": NEW, "service_account_ids": ids}]}
        reported(new, ACCOUNTS + "/remove-from-project", "POST", auth=ADMIN, json=leave)
        assert new.export(NEW, "2026-01-01", auth=auth).status_code == 403
        join = {"projects": [{"id": NEW, "role": "consumer"}], "service_account_ids": ids}
        assert reported(new, ACCOUNTS + "/add-to-project", "POST", auth=ADMIN, json=join) == {"status": "ok"}
        assert new.export(NEW, "2026-01-01", auth=auth).status_code == 200
        assert reported(new, f"{ACCOUNTS}/{made['id']}", "DELETE", auth=ADMIN) == {"status": "ok"}
        assert new.export(NEW, "2026-01-01", auth=auth).status_code == 401
        refused(ask(new, f"{ACCOUNTS}/{made['id']}", auth=ADMIN), 404)

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("", {}, 400),
            ("", {"username": 5}, 400),
            ("", {"username": "x", "role": "king"}, 400),
            ("", {"username": "x", "expires": "soon"}, 400),
            ("", {"username": "x", "projects": [{"id": 96, "role": "admin"}]}, 404),
            ("/add-to-project", {"projects": []}, 400),
            ("/add-to-project", {"projects": [{"id": NEW}], "service_account_ids": []}, 400),
            ("/add-to-project", {"projects": [], "service_account_ids": [1]}, 404),
            ("/remove-from-project", {"projects": [{"id": NEW, "service_account_ids": [1]}]}, 404),
            ("/remove-from-project", {"projects": [{"id": NEW, "service_account_ids": "x"}]}, 400),
        ],
    )
    def test_invalid_parameters(self, new: Sandbox, path: str, body: Any, status: int) -> None:
        refused(ask(new, ACCOUNTS + path, "POST", auth=ADMIN, json=body), status)
