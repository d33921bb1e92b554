"""Settings of IMS, the Schema Registry, the Flow Service and Data Prep, where documents are silent or disagree."""

from __future__ import annotations

from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.core.setting_fields import COUNT, KIND, LIMIT, SWITCH, choice
from mixpanel_aep_sandbox.core.state import SandboxState

OWN_KEY = "own"


@dataclass(frozen=True)
class AepSettings:
    """Settings of IMS, the Schema Registry, the Flow Service and Data Prep.

    A test selects with them one of the behaviours that Adobe's documents leave open.
    """

    throttle_tokens: int = field(default=0, metadata=COUNT)
    """Number of the next token requests to which IMS responds with 429."""
    tokens_per_minute: int | None = field(default=None, metadata=LIMIT)
    """Maximum number of token requests in a minute; IMS responds to further ones with 429. None: no limit."""
    refusal_status: int | None = choice(None, 400, 401)
    """Status of IMS for a wrong client id or secret [I]; None: 400 for the id, 401 for the secret."""
    ims_parameters: str = choice("body or query", "body")
    """Where IMS reads the parameters of a token request: ``body or query`` (the documents recommend the body,
    dev-console: ServerToServerAuthentication/ims.md), or only the ``body``, as in all samples."""
    ims_scopes: str = choice("comma", "comma or space")
    """Separator of scopes: a ``comma``, as in all samples, or ``comma or space`` [I: RFC 6749 has spaces]."""
    unique_titles: str = choice("all", "type")
    """``all``: titles are unique among all resources (EP:xdm/troubleshooting-guide.md). ``type``: titles are unique
    within a type, as in EP:xdm/tutorials/create-schema-api.md, where a field group and a data type are both called
    Loyalty Tier."""
    custom_maps: str = choice("allowed", "refused")
    """``allowed`` (EP:xdm/tutorials/custom-fields-api.md) or ``refused`` (older EP:xdm/schema/field-constraints.md)."""
    registry_write_names: str = choice("lookup", "guide")
    """Metadata in the response to creating or changing a schema or class: ``lookup``, as in lookups
    (``repo:createdDate``, ``xdm:createdUserId``), or ``guide``: ``repo:createDate``, ``xdm:repositoryCreatedBy``
    (EP:xdm/api/schemas.md, EP:xdm/api/classes.md)."""
    version_after_put: str = choice("kept", "raised")
    """Version of a replaced resource: ``kept``, as in every example (EP:xdm/api/schemas.md#put), or ``raised`` [I]."""
    longest_field_name: int = field(default=128, metadata=COUNT)
    """Maximum number of characters in the name of a custom field [I]: undocumented."""
    profile_needs: str = choice("identityMap", "descriptor")
    """What a schema needs to be enabled for Profile: a primary identity ``descriptor``
    (EP:xdm/troubleshooting-guide.md), or ``identityMap``: the field group IdentityMap is enough as well
    (experienceleague.adobe.com, ka-29740)."""
    paging_without_orderby: str = choice("allowed", "refused")
    """``limit`` and ``start`` "cannot be used" without ``orderby`` (EP:xdm/api/appendix.md: ``refused``), but Adobe's
    own Python client always uses them so: ``allowed``, in the default order ``updated``."""
    global_under_tenant: str = choice("found", "missing")
    """Lookup of one of Adobe's resources in the ``tenant`` container: ``found``, as Adobe's own Python client
    expects, or ``missing``, because each resource is in one container (EP:xdm/api/getting-started.md)."""
    primary_identity_locked_by: str = choice("data", "profile")
    """When a primary identity can no longer be changed: ``data``: once the schema has data; ``profile``: once the
    schema has data and is enabled for Profile (newer documents)."""
    flow_schedule_rules: str = choice("spec", "tutorial")
    """``spec``: the flow spec's rules (at least 15 minutes; a one-time schedule has neither interval nor backfill).
    ``tutorial``: the Mixpanel tutorial's rules (an interval of at least 15 of any unit; ignored for a one-time
    schedule)."""
    flow_start_in_past: str = choice("accept", "refuse")
    """A start time in the past: ``accept``, as the API tutorial's example requires, or ``refuse``, as the UI tutorial
    requires."""
    flow_once_locked: bool = field(default=True, metadata=SWITCH)
    """The schedule and mapping of a one-time dataflow cannot be changed; the UI tutorial documents this, the API
    tutorial is silent."""
    flow_run_answer: str = choice("all", "run", "items", "id")
    """Response of ``POST /runs``: the ``run`` (create-flow-runs.md), ``items`` with its id and etag
    (on-demand-ingestion.md), only the ``id`` and etag (the specification), or ``all`` of these in one object."""
    flow_backfill_days: int = field(default=5 * 365, metadata=COUNT)
    """Days before its start that a first run with backfill reads [I]; Mixpanel keeps events for five years."""
    flow_missed_runs: int = field(default=24, metadata=COUNT)
    """Maximum number of missed runs that are executed after the clock was moved forward; the first of them includes
    all older data [I]."""
    flow_explore_checks_zone: bool = field(default=True, metadata=SWITCH)
    """Exploring with another time zone than the project's is refused. Adobe requires the same time zone, but does not
    document the error [I]."""
    flow_test_on_create: bool = field(default=False, metadata=SWITCH)
    """A base connection with invalid credentials is refused when it is created [I]."""
    mapping_expression_answer: str = choice("status", "boolean")
    """Response of ``/languages/el/validate``: ``status``, as in EP:data-prep/api/functions.md, or ``boolean``, as in
    the OpenAPI document."""
    mapping_source_types: str = choice("media", "plain")
    """How responses show ATTRIBUTE: ``media`` (text/x.schema-path, as in the documented responses), or ``plain`` (as in
    the schemas of the responses)."""
    mapping_function_names: str = choice("allowed", "reserved")
    """A field with the name of a function: ``reserved``: it must be written with ``${}`` (newest
    EP:data-prep/functions.md); ``allowed``: it need not (EP:data-prep/troubleshooting-guide.md)."""
    mapping_destination_functions: str = choice("refused", "allowed")
    """Functions that EP:data-prep/functions.md marks "Destinations only", in a mapping: ``refused`` or ``allowed``."""
    mapping_unknown_functions: str = choice("refused", "accepted")
    """A new mapping set with an unknown function: ``refused`` with 400, or ``accepted``, so that only
    ``/mappingSets/validate`` reports it [I]; undocumented."""
    mapping_division: str = choice("integer", "decimal")
    """1 / 2 in an expression: ``integer`` is 0, ``decimal`` is 0.5 [I]; undocumented."""

    @classmethod
    def of(cls, state: SandboxState) -> AepSettings:
        """Return the settings with the values that the control API has changed."""
        return cls(**(state.store.get(KIND, OWN_KEY) or {}))
