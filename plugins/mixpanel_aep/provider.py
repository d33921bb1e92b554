"""Describes this package to Airflow as a provider: two connection types with their forms, and the links of tasks.

The form of a connection hides the extra fields until a user opens them. So the required id of the project, or of the
organization, is in the standard field ``schema``. A connection that is written as JSON may have it as an extra field.
"""

from __future__ import annotations

from include.version import VERSION

_SANDBOX_FIELD = {
    "label": "Local sandbox",
    "description": "Only for the sandbox of this project on this machine; host and port are then its address.",
    "schema": {"type": ["boolean", "null"], "default": False},
}


def get_provider_info() -> dict[str, object]:
    """Return the provider's description, which Airflow reads through the entry point ``apache_airflow_provider``."""
    return {
        "package-name": "mixpanel-aep",
        "name": "Mixpanel to Adobe Experience Platform",
        "description": "Raw Mixpanel events into an AEP dataset, one calendar day at a time.",
        "versions": [VERSION],
        "connection-types": [_mixpanel_connection_type(), _aep_connection_type()],
        "extra-links": [
            "mixpanel_aep.links.BatchLink",
            "mixpanel_aep.links.DayRunLink",
            "mixpanel_aep.links.ReportLink",
        ],
    }


def _mixpanel_connection_type() -> dict[str, object]:
    return {
        "connection-type": "mixpanel",
        "hook-name": "Mixpanel",
        "hook-class-name": "mixpanel_aep.hooks.mixpanel.MixpanelHook",
        "conn-fields": {
            "region": {
                "label": "Data residency",
                "description": "Where the project's data is stored; Mixpanel: Project settings, Overview.",
                "schema": {"type": ["string", "null"], "enum": ["us", "eu", "in"], "default": "us"},
            },
            "sandbox": _SANDBOX_FIELD,
        },
        "ui-field-behaviour": {
            "hidden-fields": ["extra"],
            "relabeling": {
                "login": "Service account user name",
                "password": "Service account secret",
                "schema": "Project ID",
            },
            "placeholders": {
                "schema": "Mixpanel: Project settings, Overview",
                "login": "name.abc123.mp-service-account",
                "host": "leave empty: the region decides",
                "port": "443",
            },
        },
    }


def _aep_connection_type() -> dict[str, object]:
    return {
        "connection-type": "adobe_experience_platform",
        "hook-name": "Adobe Experience Platform",
        "hook-class-name": "mixpanel_aep.hooks.aep.AepHook",
        "conn-fields": {
            "aep_sandbox": {
                "label": "AEP sandbox",
                "description": "Its name in lower case; AEP: Sandboxes.",
                "schema": {"type": ["string", "null"], "default": "prod"},
            },
            "scopes": {
                "label": "Scopes",
                "description": "Comma-separated; empty for the default scopes of AEP's console.",
                "schema": {"type": ["string", "null"]},
            },
            "query_account": {
                "label": "Query Service account",
                "description": "Only for verify, where Query Service refuses access tokens: technicalAccountId.",
                "schema": {"type": ["string", "null"]},
            },
            "query_secret": {
                "label": "Query Service secret",
                "description": "The non-expiring credential of that account; AEP: Queries, Credentials.",
                "schema": {"type": ["string", "null"], "format": "password"},
            },
            "sandbox": _SANDBOX_FIELD,
        },
        "ui-field-behaviour": {
            "hidden-fields": ["extra"],
            "relabeling": {
                "login": "Client ID",
                "password": "Client secret",
                "schema": "Organization ID",
            },
            "placeholders": {
                "host": "leave empty: platform.adobe.io",
                "port": "443",
                "schema": "ends with @AdobeOrg; Adobe Developer Console, OAuth Server-to-Server",
            },
        },
    }
