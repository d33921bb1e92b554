"""Settings that can be changed while the sandbox runs: shared ones, and those of AEP and IMS, ingestion and queries."""

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
"""The settings that all services share, and their types."""
_ACTIVE = ("success", "active")
_CLASSES = {OWN_KEY: AepSettings, KEY: IngestSettings, QUERY_KEY: QuerySettings}
"""The class of each group of settings, by the group's key in the store."""
_KEYS = {field.name: key for key, holder in _CLASSES.items() for field in fields(holder)} | dict.fromkeys(
    _SHARED, _SHARED_KEY
)
"""The store key of the group of each setting, by the setting's name."""


def load_overrides(state: SandboxState) -> None:
    """Apply the changes of shared settings that the store has to ``state.settings``, after a restart of the sandbox."""
    saved = state.store.get(KIND, _SHARED_KEY) or {}
    known = {field.name for field in fields(Settings)}
    state.settings = replace(state.settings, **{name: saved[name] for name in saved if name in known})


def current(state: SandboxState) -> JsonObject:
    """Return the current values of all settings, by name."""
    parts = (state.settings, AepSettings.of(state), IngestSettings.of(state), QuerySettings.of(state))
    return {name: value for part in parts for name, value in asdict(part).items()}


def change(state: SandboxState, changes: JsonObject) -> None:
    """Change settings by name, and store the new values. Raises ValueError for an unknown name or an invalid value."""
    for name, value in changes.items():
        if name not in _KEYS:
            raise ValueError(f"Unknown setting {name!r}. The settings are {', '.join(sorted(_KEYS))}.")
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
    """Return whether a setting accepts a value."""
    if name not in _SHARED:
        return fits(_CLASSES[_KEYS[name]], name, value)
    if type(value) not in _SHARED[name]:
        return False
    return (
        value in _ACTIVE
        if name == "active_status"
        else isinstance(value, str) or (isinstance(value, float | int) and is_amount(value))
    )
