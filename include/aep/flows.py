"""Reads the dataflows of Adobe's own Mixpanel source, for their migration to this project.

They are in AEP's Flow Service, and their mappings in Data Prep (OAS:flow-service.yaml, data-prep.yaml).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from include.aep.http import AepHttp, endless_list, response_objects
from include.errors import NotFound
from include.http.response import Response
from include.json_types import JsonObject

_BASE = ("data", "foundation", "flowservice")
_SETS = ("data", "foundation", "conversion", "mappingSets")
_MOST_PAGES = 1000
MIXPANEL_SPEC = "fd2c8ff3-1de0-4f6b-8fa8-4264784870eb"
"""The connection specification of Adobe's Mixpanel source (EP:sources/tutorials/api/create/analytics/mixpanel.md)."""


class Flows:
    """Reads dataflows, their connections, mapping sets and runs from AEP, without any change in AEP."""

    def __init__(self, http: AepHttp) -> None:
        self._http = http

    def mixpanel_dataflows(self) -> list[JsonObject]:
        """Return AEP's JSON of every dataflow whose source is Mixpanel."""
        return [flow for flow in self._pages("flows", "list dataflows") if self._is_mixpanel(flow)]

    def dataflow(self, flow_id: str) -> JsonObject:
        """Return AEP's JSON of the dataflow with this id.

        Raises:
            NotFound: no dataflow has this id.
        """
        return self._get_entry("flows", flow_id)

    def source_connection(self, key: str) -> JsonObject:
        """Return the source connection with this id, which contains the Mixpanel project id and the time zone."""
        return self._get_entry("sourceConnections", key)

    def base_connection(self, key: str) -> JsonObject:
        """Return the base connection with this id: the Mixpanel account, whose secret AEP does not return."""
        return self._get_entry("connections", key)

    def target_connection(self, key: str) -> JsonObject:
        """Return the target connection with this id, which contains the dataset id."""
        return self._get_entry("targetConnections", key)

    def runs(self, flow_id: str) -> list[JsonObject]:
        """Return AEP's JSON of all runs of a dataflow."""
        return list(self._pages("runs", "list runs of a dataflow", property=f"flowId=={flow_id}"))

    def mapping_set(self, key: str, version: str | None = None) -> JsonObject:
        """Return AEP's JSON of the mapping set with the id ``key``, in the given version; None: AEP's default version.

        Raises:
            NotFound: no mapping set has this id and version.
        """
        params = {"version": version} if version else {}
        return self._http.get((*_SETS, key), "read a mapping set", Response.json_object, params)

    def _is_mixpanel(self, flow: JsonObject) -> bool:
        """Return whether the source of a dataflow is Mixpanel.

        If ``flow`` does not contain its connection specification, the source connections are read from AEP.
        """
        inherited = flow.get("inheritedAttributes")
        sources = inherited.get("sourceConnections") if isinstance(inherited, dict) else None
        specs = [each.get("connectionSpec", {}).get("id") for each in sources or () if isinstance(each, dict)]
        if not specs:
            ids = flow.get("sourceConnectionIds") or []
            specs = [self.source_connection(str(key)).get("connectionSpec", {}).get("id") for key in ids]
        return MIXPANEL_SPEC in specs

    def _get_entry(self, kind: str, key: str) -> JsonObject:
        found = self._http.get(
            (*_BASE, kind, key),
            f"read an entry of {kind}",
            lambda response: response_objects(response, "items"),
        )
        if not found:
            raise NotFound(f"AEP has no entry of {kind} with the id {key}.", "Copy the id from AEP again.")
        return found[0]

    def _pages(self, kind: str, what: str, **params: str) -> Iterator[JsonObject]:
        query = dict(params)
        for _ in range(_MOST_PAGES):
            found, token = self._http.get((*_BASE, kind), what, _page, query)
            yield from found
            if not token or token == query.get("continuationToken"):
                return
            query["continuationToken"] = token
        raise endless_list(what)


def _page(response: Response) -> tuple[list[JsonObject], str | None]:
    """Return the items of a page of a list, and the ``continuationToken`` of the next page; None on the last page."""
    links = response.json_object().get("_links")
    following = links.get("next") if isinstance(links, dict) else None
    href = following.get("href") if isinstance(following, dict) else None
    tokens = parse_qs(urlsplit(str(href)).query).get("continuationToken") if href else None
    return response_objects(response, "items"), tokens[0] if tokens else None
