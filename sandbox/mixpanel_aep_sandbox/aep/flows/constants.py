"""Names and ids of the Flow Service, from Adobe's documentation."""

from __future__ import annotations

from typing import Final

FLOW_SERVICE: Final = "/data/foundation/flowservice"

MIXPANEL_SPEC: Final = "fd2c8ff3-1de0-4f6b-8fa8-4264784870eb"
DATA_LAKE_SPEC: Final = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
FLOW_SPEC: Final = "6499120c-0b15-42dc-936e-847ea3c24d72"

CONNECTIONS: Final = "connections"
SOURCES: Final = "sourceConnections"
TARGETS: Final = "targetConnections"
FLOWS: Final = "flows"
RUNS: Final = "runs"
"""The kinds of resources, as they are named in URLs, in errors and in the store."""

SERVICE_CLIENT: Final = "acp_foundation_connectors"
"""Client id that creates scheduled runs, and the batches of all runs (EP:observability/alerts/rules.md)."""
SERVICE_USER: Final = f"{SERVICE_CLIENT}@AdobeID"
