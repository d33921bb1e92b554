"""Shared code of the AEP services: gateway, requests, errors, settings, filters, and documents of an AEP sandbox."""
