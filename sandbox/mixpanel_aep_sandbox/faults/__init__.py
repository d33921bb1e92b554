"""Planned faults: tests plan that matching requests get errors, or truncated, altered, slow or missing responses."""
