"""Shared code of the AEP services: gateway, requests, errors, settings, filters, and documents of an AEP sandbox.

Docstrings and comments of all services cite their sources: ``EP:path`` is a page below ``help/`` of the repository
AdobeDocs/experience-platform.en, and ``OAS:file`` an OpenAPI document of AdobeDocs/experience-platform-apis. The mark
[I] means inferred: no document describes the behaviour.
"""
