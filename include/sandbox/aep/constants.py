"""The demo organization. Everything here is made up, and looks it."""

from __future__ import annotations

from typing import Final

DEMO_CLIENT_ID: Final = "demo-client-0000"
DEMO_CLIENT_SECRET: Final = "demo-secret-not-real-0001"  # noqa: S105 - made up, and no secret
DEMO_ORG: Final = "DEMO0000@AdobeOrg"
DEMO_SCOPE: Final = "openid,AdobeID,read_organizations,additional_info.projectedProductContext,session"
DEMO_USER: Final = "DEMO0000USER@techacct.adobe.com"

AEP_SANDBOXES: Final = {
    "prod": "00000000-0000-4000-8000-0000000000a1",
    "dev": "00000000-0000-4000-8000-0000000000a2",
}
"""Name of each AEP sandbox of the demo organization, and its id."""

REGISTRY: Final = "/data/foundation/schemaregistry"
CATALOG: Final = "/data/foundation/catalog"
IMPORT: Final = "/data/foundation/import"
EXPORT: Final = "/data/foundation/export"
NAMESPACES: Final = "/data/core/idnamespace/identities"
CONTROL: Final = "/_sandbox/aep"

EXPERIENCE_EVENT: Final = "https://ns.adobe.com/xdm/context/experienceevent"
