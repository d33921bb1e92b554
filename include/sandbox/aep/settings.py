"""What can be changed while the sandbox runs: shared settings, those of AEP and IMS, of ingestion and of queries."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from include.sandbox.aep.ingest_settings import KEY, IngestSettings, fits, is_amount
from include.sandbox.aep.query_settings import QUERY_KEY, QuerySettings, fits_query
from include.sandbox.world import Settings, World

_KIND = "aep/settings"
_SHARED = {field.name: field for field in fields(Settings)}


@dataclass(frozen=True)
class AepSettings:
    throttle_tokens: int = 0
    """So many of the next token requests are answered with 429."""
    tokens_per_minute: int | None = None
    """More token requests than this in a minute are answered with 429; None: no limit."""
    refusal_status: int | None = None
    """What IMS answers a wrong client id or secret with [I]; None: 400 for the id, 401 for the secret."""
    ims_parameters: str = "body or query"
    """Where IMS reads the parameters of a token request: in its ``body or query``, of which the body is recommended
    (dev-console: ServerToServerAuthentication/ims.md), or in the ``body`` alone, as all samples have them."""
    ims_scopes: str = "comma"
    """What divides scopes: a ``comma``, as in all samples, or ``comma or space`` [I: RFC 6749 has spaces]."""
    unique_titles: str = "all"
    """``all``: no two resources have one title (EP:xdm/troubleshooting-guide.md); ``type``: no two of one type, as
    in EP:xdm/tutorials/create-schema-api.md, where a field group and a data type are both called Loyalty Tier."""
    custom_maps: str = "allowed"
    """``allowed`` (EP:xdm/tutorials/custom-fields-api.md) or ``refused`` (older EP:xdm/schema/field-constraints.md)."""
    registry_write_names: str = "lookup"
    """The metadata in the answer to a schema or class that is created or changed: ``lookup``, as look-ups show it
    (``repo:createdDate``, ``xdm:createdUserId``), or ``guide``: ``repo:createDate``, ``xdm:repositoryCreatedBy``
    (EP:xdm/api/schemas.md, EP:xdm/api/classes.md)."""
    version_after_put: str = "kept"
    """Of a resource that is replaced: ``kept``, as in every example (EP:xdm/api/schemas.md#put), or ``raised`` [I]."""
    longest_field_name: int = 128
    """How many characters the name of a custom field may have [I]: no document says."""
    profile_needs: str = "identityMap"
    """What a schema needs to be enabled for Profile: a primary identity ``descriptor`` (EP:xdm/troubleshooting-guide.md),
    or ``identityMap``: also a schema with that field, as a check box of the UI allows."""
    paging_without_orderby: str = "allowed"
    """``limit`` and ``start`` "cannot be used" so (EP:xdm/api/appendix.md: ``refused``), but Adobe's own Python client
    does, always: ``allowed``, in the order ``updated`` that lists have by themselves."""
    global_under_tenant: str = "found"
    """A lookup of one of Adobe's resources in the ``tenant`` container: ``found``, as Adobe's own Python client takes
    for granted, or ``missing``, as each resource is in one container (EP:xdm/api/getting-started.md)."""
    primary_identity_locked_by: str = "data"
    """Once a schema has ``data``; or ``profile``: once it has data and is enabled for Profile (newer documents)."""
    flow_schedule_rules: str = "spec"
    """``spec``: the flow spec's own (at least 15 minutes; once has neither interval nor backfill). ``tutorial``: the
    Mixpanel tutorial's (an interval of at least 15, whatever it counts; for once it is not looked at)."""
    flow_start_in_past: str = "accept"
    """``accept``: as the API tutorial's own example needs it. ``refuse``: as the UI tutorial says."""
    flow_once_locked: bool = True
    """Schedule and mapping of a one-time dataflow cannot be changed; the UI tutorial says so, the API's is silent."""
    flow_run_answer: str = "all"
    """What ``POST /runs`` answers with: the ``run`` (create-flow-runs.md), ``items`` with its id and etag
    (on-demand-ingestion.md), just the ``id`` and etag (the specification), or ``all`` of it in one object."""
    flow_backfill_days: int = 5 * 365
    """How far back a first run with backfill reads [I]; Mixpanel keeps events for five years."""
    flow_missed_runs: int = 24
    """At most so many runs are made up for when the clock has leapt; the first of them takes in what is older [I]."""
    flow_explore_checks_zone: bool = True
    """Exploring with a time zone that is not the project's is refused. Adobe says that it must be the same, not what
    becomes of it otherwise [I]."""
    flow_test_on_create: bool = False
    """A base connection whose credentials do not work is refused when it is made [I]."""
    mapping_expression_answer: str = "status"
    """``status``: ``/languages/el/validate`` answers as EP:data-prep/api/functions.md; ``boolean``: as the OpenAPI."""
    mapping_source_types: str = "media"
    """How ATTRIBUTE is shown: ``media`` (text/x.schema-path, the documents' answers), ``plain`` (their schemas)."""
    mapping_function_names: str = "allowed"
    """``reserved``: a field that is called like a function needs ``${}`` (newest EP:data-prep/functions.md);
    ``allowed``: not so (EP:data-prep/troubleshooting-guide.md)."""
    mapping_destination_functions: str = "refused"
    """Functions that EP:data-prep/functions.md marks "Destinations only", in a mapping: ``refused`` or ``allowed``."""
    mapping_unknown_functions: str = "refused"
    """A new mapping set with a function that there is not: ``refused`` with 400, or ``accepted``, so that only
    ``/mappingSets/validate`` finds it [I]; no document says."""
    mapping_division: str = "integer"
    """1 / 2 in an expression: ``integer`` is 0, ``decimal`` is 0.5 [I]; no document says."""

    @classmethod
    def of(cls, world: World) -> AepSettings:
        return cls(**(world.store.get(_KIND, "own") or {}))


_OWN = {field.name for field in fields(AepSettings)}
_INGESTION = {field.name for field in fields(IngestSettings)}
_QUERIES = {field.name for field in fields(QuerySettings)}
_TYPES: dict[str, tuple[type, ...]] = {
    "batch_seconds": (int, float),
    "active_status": (str,),
    "small_file_bytes": (int,),
    "token_seconds": (int,),
    "tenant_id": (str,),
    "throttle_tokens": (int,),
    "tokens_per_minute": (int, type(None)),
    "refusal_status": (int, type(None)),
    "ims_parameters": (str,),
    "ims_scopes": (str,),
    "registry_write_names": (str,),
    "version_after_put": (str,),
    "mapping_unknown_functions": (str,),
    "unique_titles": (str,),
    "custom_maps": (str,),
    "longest_field_name": (int,),
    "profile_needs": (str,),
    "paging_without_orderby": (str,),
    "global_under_tenant": (str,),
    "primary_identity_locked_by": (str,),
    "flow_schedule_rules": (str,),
    "flow_start_in_past": (str,),
    "flow_once_locked": (bool,),
    "flow_run_answer": (str,),
    "flow_backfill_days": (int,),
    "flow_missed_runs": (int,),
    "flow_explore_checks_zone": (bool,),
    "flow_test_on_create": (bool,),
    "mapping_expression_answer": (str,),
    "mapping_source_types": (str,),
    "mapping_function_names": (str,),
    "mapping_destination_functions": (str,),
    "mapping_division": (str,),
}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "active_status": ("success", "active"),
    "refusal_status": (400, 401, None),
    "ims_parameters": ("body", "body or query"),
    "ims_scopes": ("comma", "comma or space"),
    "registry_write_names": ("lookup", "guide"),
    "version_after_put": ("kept", "raised"),
    "mapping_unknown_functions": ("refused", "accepted"),
    "unique_titles": ("all", "type"),
    "custom_maps": ("allowed", "refused"),
    "profile_needs": ("descriptor", "identityMap"),
    "paging_without_orderby": ("allowed", "refused"),
    "global_under_tenant": ("found", "missing"),
    "primary_identity_locked_by": ("data", "profile"),
    "flow_schedule_rules": ("spec", "tutorial"),
    "flow_start_in_past": ("accept", "refuse"),
    "flow_run_answer": ("all", "run", "items", "id"),
    "mapping_expression_answer": ("status", "boolean"),
    "mapping_source_types": ("media", "plain"),
    "mapping_function_names": ("allowed", "reserved"),
    "mapping_destination_functions": ("refused", "allowed"),
    "mapping_division": ("integer", "decimal"),
}


def load_overrides(world: World) -> None:
    """Takes over what was changed before the sandbox was started again."""
    saved = world.store.get(_KIND, "shared") or {}
    world.settings = replace(world.settings, **{key: saved[key] for key in saved if key in _SHARED})


def current(world: World) -> dict[str, Any]:
    parts = (world.settings, AepSettings.of(world), IngestSettings.of(world), QuerySettings.of(world))
    return {name: value for part in parts for name, value in asdict(part).items()}


def change(world: World, wanted: dict[str, Any]) -> None:
    """Changes settings, for good. Raises ValueError for a name or a type that there is not."""
    for name, value in wanted.items():
        if name not in {*_TYPES, *_INGESTION, *_QUERIES}:
            known = ", ".join(sorted({*_TYPES, *_INGESTION, *_QUERIES}))
            raise ValueError(f"There is no setting {name!r}; there are {known}.")
        if not _allowed(name, value):
            raise ValueError(f"Setting {name!r} cannot be {value!r}.")
    with world.store.transaction():
        for key, names in (("own", _OWN), ("shared", _SHARED), (KEY, _INGESTION), (QUERY_KEY, _QUERIES)):
            before = world.store.get(_KIND, key) or {}
            world.store.put(_KIND, key, {**before, **{k: v for k, v in wanted.items() if k in names}})
    world.settings = replace(world.settings, **{k: v for k, v in wanted.items() if k in _SHARED})


def _allowed(name: str, value: Any) -> bool:
    if name in _QUERIES:
        return fits_query(name, value)
    return fits(name, value) if name in _INGESTION else _fits(name, value)


def _fits(name: str, value: Any) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not is_amount(value):
        return False
    return type(value) in _TYPES[name] and value in _CHOICES.get(name, (value,))
