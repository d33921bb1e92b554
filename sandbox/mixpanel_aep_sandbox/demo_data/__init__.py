"""Demo data: three Mixpanel projects and two service accounts. All names and secrets are fictitious.

The accounts are valid only in the sandbox.
"""

from __future__ import annotations

from pathlib import Path

SERVICE_ACCOUNT = "demo.5a4d00.mp-service-account"
SERVICE_ACCOUNT_SECRET = "demo-secret-not-real-0000"  # noqa: S105 - a fictitious secret

ADMIN_ACCOUNT = "admin.0d3e75.mp-service-account"
ADMIN_ACCOUNT_SECRET = "demo-secret-not-real-0001"  # noqa: S105
"""Secret of an admin of the organisation and of its projects, who may manage service accounts."""

ORGANIZATION_ID = 900001
ORGANIZATION_NAME = "Demo organisation"

ADOBE_PROJECT_ID = 2671127
"""Id of the project with the events of Adobe's tutorial; created before 2023, time zone America/Los_Angeles."""
HOSTILE_PROJECT_ID = 3000001
"""Id of the EU project with twelve export lines that are valid but hard to parse."""
SHOP_PROJECT_ID = 3000002
"""Id of the project of a generated web shop: 2026-06-01 to 2026-07-02, about 5,000 events a day."""

ADOBE_EVENTS = Path(__file__).with_name("adobe-tutorial-events.jsonl")
HOSTILE_EVENTS = Path(__file__).with_name("mixpanel-samples.jsonl")
SHOP_DOCUMENTS = Path(__file__).with_name("shop-documents.json")
"""File with the shop's cohorts, funnels, annotations and Lexicon schemas."""
