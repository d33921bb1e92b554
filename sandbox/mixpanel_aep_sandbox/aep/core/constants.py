"""Constants of the fictitious demo organization, and the base paths of AEP's APIs."""

from __future__ import annotations

from typing import Final

DEMO_CLIENT_ID: Final = "demo-client-0000"
DEMO_CLIENT_SECRET: Final = "demo-secret-not-real-0001"  # noqa: S105 - fictitious
DEMO_ORG: Final = "DEMO0000@AdobeOrg"
DEMO_SCOPE: Final = "openid,AdobeID,read_organizations,additional_info.projectedProductContext,session"
DEMO_SECRET_SCOPE: Final = "additional_info.roles,adobeio_api,read_client_secret,manage_client_secrets"  # noqa: S105 - names of scopes
"""Additional scopes that the demo credential may request, for Adobe's I/O Management API, which lists and changes
client secrets."""
DEMO_CREDENTIAL: Final = "436084"
DEMO_ORG_NUMBER: Final = "23294"
"""Numbers of the demo credential and organization, by which Adobe's Developer Console identifies them (dev-console:
ServerToServerAuthentication/implementation.md)."""
DEMO_USER: Final = "DEMO0000USER@techacct.adobe.com"

AEP_SANDBOXES: Final = {
    "prod": "00000000-0000-4000-8000-0000000000a1",
    "dev": "00000000-0000-4000-8000-0000000000a2",
}
"""Name and id of each AEP sandbox of the demo organization."""

REGISTRY: Final = "/data/foundation/schemaregistry"
CATALOG: Final = "/data/foundation/catalog"
IMPORT: Final = "/data/foundation/import"
EXPORT: Final = "/data/foundation/export"
QUERY: Final = "/data/foundation/query"
CONVERSION: Final = "/data/foundation/conversion"
NAMESPACES: Final = "/data/core/idnamespace/identities"
IDENTITY: Final = "/data/core/identity"
HYGIENE: Final = "/data/core/hygiene"
CONSOLE: Final = "/console/organizations"
CONTROL: Final = "/_sandbox/aep"

EXPERIENCE_EVENT: Final = "https://ns.adobe.com/xdm/context/experienceevent"
TIME_SERIES: Final = "https://ns.adobe.com/xdm/data/time-series"
