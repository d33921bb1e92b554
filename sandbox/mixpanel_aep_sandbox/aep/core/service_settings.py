"""Switches of IMS, the Schema Registry, the Flow Service and Data Prep: where documents are silent or contradict."""

from __future__ import annotations

from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.core.setting_fields import COUNT, KIND, LIMIT, SWITCH, choice
from mixpanel_aep_sandbox.core.state import SandboxState

OWN_KEY = "own"


@dataclass(frozen=True)
class AepSettings:
    """None: no limit."""

    throttle_tokens: int = field(default=0, metadata=COUNT)
    """So many of the next token requests are answered with 429."""
    tokens_per_minute: int | None = field(default=None, metadata=LIMIT)
    """More token requests than this in a minute are answered with 429; None: no limit."""
    refusal_status: int | None = choice(None, 400, 401)
    """What IMS answers a wrong client id or secret with [I]; None: 400 for the id, 401 for the secret."""
    ims_parameters: str = choice("body or query", "body")
    """Where IMS reads the parameters of a token request: in its ``body or query``, of which the body is recommended
    (dev-console: ServerToServerAuthentication/ims.md), or in the ``body`` alone, as all samples have them."""
    ims_scopes: str = choice("comma", "comma or space")
    """What divides scopes: a ``comma``, as in all samples, or ``comma or space`` [I: RFC 6749 has spaces]."""
    unique_titles: str = choice("all", "type")
    """``all``: no two resources have one title (EP:xdm/troubleshooting-guide.md); ``type``: no two of one type, as
    in EP:xdm/tutorials/create-schema-api.md, where a field group and a data type are both called Loyalty Tier."""
    custom_maps: str = choice("allowed", "refused")
    """``allowed`` (EP:xdm/tutorials/custom-fields-api.md) or ``refused`` (older EP:xdm/schema/field-constraints.md)."""
    registry_write_names: str = choice("lookup", "guide")
    """The metadata in the answer to a schema or class that is created or changed: ``lookup``, as look-ups show it
    (``repo:createdDate``, ``xdm:createdUserId``), or ``guide``: ``repo:createDate``, ``xdm:repositoryCreatedBy``
    (EP:xdm/api/schemas.md, EP:xdm/api/classes.md)."""
    version_after_put: str = choice("kept", "raised")
    """Of a resource that is replaced: ``kept``, as in every example (EP:xdm/api/schemas.md#put), or ``raised`` [I]."""
    longest_field_name: int = field(default=128, metadata=COUNT)
    """How many characters the name of a custom field may have [I]: no document says."""
    profile_needs: str = choice("identityMap", "descriptor")
    """What a schema needs to be enabled for Profile: a primary identity ``descriptor`` (EP:xdm/troubleshooting-guide.md),
    or ``identityMap``: also a schema with the field group IdentityMap (experienceleague.adobe.com, ka-29740)."""
    paging_without_orderby: str = choice("allowed", "refused")
    """``limit`` and ``start`` "cannot be used" so (EP:xdm/api/appendix.md: ``refused``), but Adobe's own Python client
    does, always: ``allowed``, in the order ``updated`` that lists have by themselves."""
    global_under_tenant: str = choice("found", "missing")
    """A lookup of one of Adobe's resources in the ``tenant`` container: ``found``, as Adobe's own Python client takes
    for granted, or ``missing``, as each resource is in one container (EP:xdm/api/getting-started.md)."""
    primary_identity_locked_by: str = choice("data", "profile")
    """Once a schema has ``data``; or ``profile``: once it has data and is enabled for Profile (newer documents)."""
    flow_schedule_rules: str = choice("spec", "tutorial")
    """``spec``: the flow spec's own (at least 15 minutes; once has neither interval nor backfill). ``tutorial``: the
    Mixpanel tutorial's (an interval of at least 15, whatever it counts; for once it is not looked at)."""
    flow_start_in_past: str = choice("accept", "refuse")
    """``accept``: as the API tutorial's own example needs it. ``refuse``: as the UI tutorial says."""
    flow_once_locked: bool = field(default=True, metadata=SWITCH)
    """Schedule and mapping of a one-time dataflow cannot be changed; the UI tutorial says so, the API's is silent."""
    flow_run_answer: str = choice("all", "run", "items", "id")
    """What ``POST /runs`` answers with: the ``run`` (create-flow-runs.md), ``items`` with its id and etag
    (on-demand-ingestion.md), just the ``id`` and etag (the specification), or ``all`` of it in one object."""
    flow_backfill_days: int = field(default=5 * 365, metadata=COUNT)
    """How far back a first run with backfill reads [I]; Mixpanel keeps events for five years."""
    flow_missed_runs: int = field(default=24, metadata=COUNT)
    """At most so many runs are made up for when the clock has leapt; the first of them takes in what is older [I]."""
    flow_explore_checks_zone: bool = field(default=True, metadata=SWITCH)
    """Exploring with a time zone that is not the project's is refused. Adobe says that it must be the same, not what
    becomes of it otherwise [I]."""
    flow_test_on_create: bool = field(default=False, metadata=SWITCH)
    """A base connection whose credentials do not work is refused when it is made [I]."""
    mapping_expression_answer: str = choice("status", "boolean")
    """``status``: ``/languages/el/validate`` answers as EP:data-prep/api/functions.md; ``boolean``: as the OpenAPI."""
    mapping_source_types: str = choice("media", "plain")
    """How ATTRIBUTE is shown: ``media`` (text/x.schema-path, the documents' answers), ``plain`` (their schemas)."""
    mapping_function_names: str = choice("allowed", "reserved")
    """``reserved``: a field that is called like a function needs ``${}`` (newest EP:data-prep/functions.md);
    ``allowed``: not so (EP:data-prep/troubleshooting-guide.md)."""
    mapping_destination_functions: str = choice("refused", "allowed")
    """Functions that EP:data-prep/functions.md marks "Destinations only", in a mapping: ``refused`` or ``allowed``."""
    mapping_unknown_functions: str = choice("refused", "accepted")
    """A new mapping set with a function that there is not: ``refused`` with 400, or ``accepted``, so that only
    ``/mappingSets/validate`` finds it [I]; no document says."""
    mapping_division: str = choice("integer", "decimal")
    """1 / 2 in an expression: ``integer`` is 0, ``decimal`` is 0.5 [I]; no document says."""

    @classmethod
    def of(cls, state: SandboxState) -> AepSettings:
        return cls(**(state.store.get(KIND, OWN_KEY) or {}))
