"""Mixpanel's raw export: request, stream, completeness, and the meaning of ``time``."""
