"""The application API under ``/api/app``."""
