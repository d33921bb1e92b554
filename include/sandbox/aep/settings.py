"""What can be changed while the sandbox runs: the shared settings, and those that only AEP and IMS have."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from include.sandbox.world import Settings, World

_KIND = "aep/settings"
_SHARED = {field.name: field for field in fields(Settings)}


@dataclass(frozen=True)
class AepSettings:
    catalog_lag_seconds: float = 0.0
    """A new batch is unknown to Catalog for so long."""
    abandon_seconds: float = 7 * 86400.0
    """A batch that is not completed for so long is ``abandoned`` [I]: Adobe names no time."""
    delete_seconds: float = 86400.0
    """A reverted batch is ``inactive`` for so long, then ``deleted`` [I]."""
    throttle_tokens: int = 0
    """So many of the next token requests are answered with 429."""
    tokens_per_minute: int | None = None
    """More token requests than this in a minute are answered with 429; None: no limit."""
    refusal_status: int | None = None
    """What IMS answers a wrong client id or secret with [I]; None: 400 for the id, 401 for the secret."""
    unique_titles: str = "all"
    """``all``: no two resources have one title (EP:xdm/troubleshooting-guide.md); ``type``: no two of one type, as
    in EP:xdm/tutorials/create-schema-api.md, where a field group and a data type are both called Loyalty Tier."""
    custom_maps: str = "allowed"
    """``allowed`` (EP:xdm/tutorials/custom-fields-api.md) or ``refused`` (older EP:xdm/schema/field-constraints.md)."""
    start_without_orderby: str = "refused"
    """``refused`` (EP:xdm/api/appendix.md), or ``allowed``, as clients do that send back ``_page.next`` alone."""
    primary_identity_locked_by: str = "data"
    """Once a schema has ``data``; or ``profile``: once it has data and is enabled for Profile (newer documents)."""

    @classmethod
    def of(cls, world: World) -> AepSettings:
        return cls(**(world.store.get(_KIND, "own") or {}))


_OWN = {field.name for field in fields(AepSettings)}
_TYPES: dict[str, tuple[type, ...]] = {
    "batch_seconds": (int, float),
    "active_status": (str,),
    "small_file_bytes": (int,),
    "token_seconds": (int,),
    "tenant_id": (str,),
    "catalog_lag_seconds": (int, float),
    "abandon_seconds": (int, float),
    "delete_seconds": (int, float),
    "throttle_tokens": (int,),
    "tokens_per_minute": (int, type(None)),
    "refusal_status": (int, type(None)),
    "unique_titles": (str,),
    "custom_maps": (str,),
    "start_without_orderby": (str,),
    "primary_identity_locked_by": (str,),
}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "refusal_status": (400, 401, None),
    "unique_titles": ("all", "type"),
    "custom_maps": ("allowed", "refused"),
    "start_without_orderby": ("allowed", "refused"),
    "primary_identity_locked_by": ("data", "profile"),
}


def load_overrides(world: World) -> None:
    """Takes over what was changed before the sandbox was started again."""
    saved = world.store.get(_KIND, "shared") or {}
    world.settings = replace(world.settings, **{key: saved[key] for key in saved if key in _SHARED})


def current(world: World) -> dict[str, Any]:
    return {**asdict(world.settings), **asdict(AepSettings.of(world))}


def change(world: World, wanted: dict[str, Any]) -> None:
    """Changes settings, for good. Raises ValueError for a name or a type that there is not."""
    for name, value in wanted.items():
        if name not in _TYPES:
            raise ValueError(f"There is no setting {name!r}; there are {', '.join(sorted(_TYPES))}.")
        if type(value) not in _TYPES[name] or value not in _CHOICES.get(name, (value,)):
            raise ValueError(f"Setting {name!r} cannot be {value!r}.")
    with world.store.transaction():
        own = {**(world.store.get(_KIND, "own") or {}), **{k: v for k, v in wanted.items() if k in _OWN}}
        shared = {
            **(world.store.get(_KIND, "shared") or {}),
            **{k: v for k, v in wanted.items() if k in _SHARED},
        }
        world.store.put(_KIND, "own", own)
        world.store.put(_KIND, "shared", shared)
    world.settings = replace(world.settings, **{k: v for k, v in wanted.items() if k in _SHARED})
