"""The stand-in for Mixpanel's ingestion API: people fill the sandbox with their own SDK, and export it again."""

from __future__ import annotations

from mixpanel_aep_sandbox.mixpanel.ingestion.routes import Ingestion

__all__ = ["Ingestion"]
