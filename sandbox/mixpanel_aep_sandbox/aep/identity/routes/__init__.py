"""Routes of Identity Service."""
