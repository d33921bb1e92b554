"""Settings that can be changed while the sandbox runs: of all services, of AEP and IMS, of ingestion, of queries."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

from mixpanel_aep_sandbox.aep.core.service_settings import OWN_KEY, AepSettings
from mixpanel_aep_sandbox.aep.core.setting_fields import KIND, fits, is_amount
from mixpanel_aep_sandbox.aep.ingestion.settings import KEY, IngestSettings
from mixpanel_aep_sandbox.aep.query_service.settings import QUERY_KEY, QuerySettings
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState, Settings

_SHARED_KEY = "shared"
_SHARED: dict[str, tuple[type, ...]] = {
    "batch_seconds": (int, float),
    "active_status": (str,),
    "small_file_bytes": (int,),
    "token_seconds": (int,),
    "tenant_id": (str,),
}
"""The types of the settings that all services share."""
_ACTIVE = ("success", "active")
_CLASSES = {OWN_KEY: AepSettings, KEY: IngestSettings, QUERY_KEY: QuerySettings}
"""The settings classes by their key in the store."""
_KEYS = {field.name: key for key, holder in _CLASSES.items() for field in fields(holder)} | dict.fromkeys(
    _SHARED, _SHARED_KEY
)
"""The key of every setting."""


def load_overrides(state: SandboxState) -> None:
    """Load the changes that were made before the sandbox was restarted."""
    saved = state.store.get(KIND, _SHARED_KEY) or {}
    known = {field.name for field in fields(Settings)}
    state.settings = replace(state.settings, **{name: saved[name] for name in saved if name in known})


def current(state: SandboxState) -> JsonObject:
    """Return all settings with their current values."""
    parts = (state.settings, AepSettings.of(state), IngestSettings.of(state), QuerySettings.of(state))
    return {name: value for part in parts for name, value in asdict(part).items()}


def change(state: SandboxState, changes: JsonObject) -> None:
    """Change settings permanently. Raises ValueError for an unknown name or an invalid value."""
    for name, value in changes.items():
        if name not in _KEYS:
            raise ValueError(f"Unknown setting {name!r}; the settings are {', '.join(sorted(_KEYS))}.")
        if not _allowed(name, value):
            raise ValueError(f"Setting {name!r} cannot have the value {value!r}.")
    with state.store.transaction():
        for key in (*_CLASSES, _SHARED_KEY):
            changed = {name: value for name, value in changes.items() if _KEYS[name] == key}
            if changed:
                state.store.put(KIND, key, {**(state.store.get(KIND, key) or {}), **changed})
    shared = {name: value for name, value in changes.items() if name in _SHARED}
    state.settings = replace(state.settings, **shared)


def _allowed(name: str, value: object) -> bool:
    if name not in _SHARED:
        return fits(_CLASSES[_KEYS[name]], name, value)
    if type(value) not in _SHARED[name]:
        return False
    return (
        value in _ACTIVE
        if name == "active_status"
        else isinstance(value, str) or (isinstance(value, float | int) and is_amount(value))
    )
