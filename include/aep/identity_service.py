"""Identity namespaces (AdobeDocs/experience-platform-apis, identity-service.yaml)."""

from __future__ import annotations

from dataclasses import dataclass

from include.aep.http import AepHttp, JsonObject, objects
from include.http.response import Response

_PATH = ("data", "core", "idnamespace", "identities")


@dataclass(frozen=True)
class Namespace:
    """An identity namespace; ``id_type`` as AEP spells it, in upper or in mixed case."""

    code: str
    name: str
    id_type: str
    custom: bool


class IdentityService:
    """Lists and creates namespaces; they can never be deleted."""

    def __init__(self, http: AepHttp) -> None:
        self._http = http

    def namespaces(self) -> tuple[Namespace, ...]:
        """All namespaces, Adobe's own among them."""
        return tuple(map(_namespace, self._http.get(_PATH, "list identity namespaces", objects)))

    def codes(self) -> set[str]:
        """The codes of all namespaces."""
        return {namespace.code for namespace in self.namespaces()}

    def create(self, code: str, name: str, id_type: str, description: str = "") -> Namespace:
        """Creates a namespace; ``id_type`` is one of Cookie, Cross_device, Device, Email, Mobile, Non_people, Phone.

        Raises:
            AlreadyExists: the code is taken.
        """
        body = {"name": name, "code": code, "idType": id_type, "description": description}
        what = "create an identity namespace"
        return _namespace(self._http.send_json("POST", _PATH, what, body, Response.json_object))


def _namespace(body: JsonObject) -> Namespace:
    return Namespace(
        code=str(body.get("code", "")),
        name=str(body.get("name", "")),
        id_type=str(body.get("idType", "")),
        custom=body.get("custom") is True,
    )
