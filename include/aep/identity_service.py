"""Lists and creates identity namespaces (AdobeDocs/experience-platform-apis, identity-service.yaml)."""

from __future__ import annotations

from dataclasses import dataclass

from include.aep.http import AepHttp, response_objects
from include.http.response import Response
from include.json_types import JsonObject

_PATH = ("data", "core", "idnamespace", "identities")


@dataclass(frozen=True)
class Namespace:
    """An identity namespace of AEP.

    Attributes:
        code: the unique code, by which schemas and ``identityMap`` refer to the namespace, such as ``Email``.
        name: the name that AEP's pages show.
        id_type: the kind of identity as AEP returns it, in upper or mixed case, such as ``CROSS_DEVICE``.
        custom: whether the organization created the namespace; False for Adobe's own.
    """

    code: str
    name: str
    id_type: str
    custom: bool


class IdentityService:
    """Lists and creates the identity namespaces of the organization. AEP cannot delete a namespace."""

    def __init__(self, http: AepHttp) -> None:
        self._http = http

    def namespaces(self) -> tuple[Namespace, ...]:
        """Return all namespaces that the organization can use, including Adobe's own."""
        return tuple(map(_namespace, self._http.get(_PATH, "list identity namespaces", response_objects)))

    def codes(self) -> set[str]:
        """Return the codes of all namespaces that the organization can use, including Adobe's own."""
        return {namespace.code for namespace in self.namespaces()}

    def create(self, code: str, name: str, id_type: str, description: str = "") -> Namespace:
        """Create a namespace and return it.

        ``id_type`` is one of Cookie, Cross_device, Device, Email, Mobile, Non_people, Phone.

        Raises:
            AlreadyExists: the code is in use.
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
