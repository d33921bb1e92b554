"""Mixpanel's ingestion API: accepts events and profile updates from Mixpanel's SDKs and stores them for exports."""

from __future__ import annotations

from mixpanel_aep_sandbox.mixpanel.ingestion.routes import Ingestion

__all__ = ["Ingestion"]
