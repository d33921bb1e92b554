"""Mixpanel's ingestion API: it accepts events and profiles from Mixpanel's SDKs, which can be exported afterwards."""

from __future__ import annotations

from mixpanel_aep_sandbox.mixpanel.ingestion.routes import Ingestion

__all__ = ["Ingestion"]
