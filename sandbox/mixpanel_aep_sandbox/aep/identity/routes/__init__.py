"""HTTP routes of Identity Service."""
