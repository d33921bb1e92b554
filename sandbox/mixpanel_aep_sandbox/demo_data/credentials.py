"""The demo credentials, by label, as the welcome text and the page of routes show them. All are fictitious."""

from __future__ import annotations

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.aep.core.constants import (
    AEP_SANDBOXES,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_ORG,
    DEMO_SCOPE,
)

MIXPANEL = {
    "service account": data.SERVICE_ACCOUNT,
    "secret": data.SERVICE_ACCOUNT_SECRET,
    "admin's service account": data.ADMIN_ACCOUNT,
    "admin's secret": data.ADMIN_ACCOUNT_SECRET,
    "projects": f"{data.SHOP_PROJECT_ID} (shop), {data.ADOBE_PROJECT_ID} (Adobe's tutorial), "
    f"{data.HOSTILE_PROJECT_ID} (hostile lines, EU)",
}
AEP = {
    "client id": DEMO_CLIENT_ID,
    "client secret": DEMO_CLIENT_SECRET,
    "organization": DEMO_ORG,
    "scope": DEMO_SCOPE,
    "AEP sandboxes": ", ".join(AEP_SANDBOXES),
}
