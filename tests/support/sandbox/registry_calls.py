"""Paths of the Schema Registry, and reads of one resource."""

from __future__ import annotations

from urllib.parse import quote

from mixpanel_aep_sandbox.aep.core.constants import REGISTRY

GROUPS, SCHEMAS = f"{REGISTRY}/tenant/fieldgroups", f"{REGISTRY}/tenant/schemas"


ID = {"Accept": "application/vnd.adobe.xed-id+json"}


def one(base: str, key: str) -> str:
    return f"{base}/{quote(key, safe='')}"
