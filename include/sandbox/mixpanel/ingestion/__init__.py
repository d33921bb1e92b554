"""The stand-in for Mixpanel's ingestion API: people fill the sandbox with their own SDK, and export it again."""

from __future__ import annotations

from include.sandbox.mixpanel.ingestion.api import Ingestion

__all__ = ["Ingestion"]
