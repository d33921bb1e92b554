"""What Mixpanel's refusals mean (docs.mixpanel.com/reference/raw-event-export; bodies as its users report them)."""

from __future__ import annotations

from include.errors import (
    AccessDenied,
    CredentialsRejected,
    PartitionNotClosed,
    RequestRefused,
    Throttled,
    WrongProject,
)
from include.http.error_rules import REFUSED, SERVER, SERVER_BUSY, ErrorRule, RetryAction

_REJECTED = "Mixpanel does not accept the service account of connection {conn_id}."
_REJECTED_HINT = (
    "The account may have expired or been deleted, or its secret was replaced: compare it with Organization "
    "Settings > Service Accounts. It must belong to project {project_id}."
)

RULES = (
    ErrorRule(
        {400},
        r"to_date cannot be later than today",  # airbytehq/airbyte#23662: "today" is the project's, not ours
        PartitionNotClosed,
        "Mixpanel says that {to_date} is still in the future in the time zone of project {project_id}.",
        "Compare mixpanel.timezone and mixpanel.time_is in the pipeline file with the project's settings.",
    ),
    ErrorRule({400}, r"unable to authenticate request", CredentialsRejected, _REJECTED, _REJECTED_HINT),
    ErrorRule(
        {400, 401, 403},
        r"invalid project id for cluster",  # dragonkhoi/mixpanel-mcp#5
        WrongProject,
        "Mixpanel project {project_id} does not live in region {region}, which connection {conn_id} names.",
        "Set the region of the connection to {other_regions}.",
    ),
    ErrorRule({401}, "", CredentialsRejected, _REJECTED, _REJECTED_HINT),
    ErrorRule(
        {402},
        "",
        AccessDenied,
        "The plan of Mixpanel project {project_id} does not include what was asked for: to {what}.",
        "Raw export is part of every plan; the query API is not.",
    ),
    ErrorRule(
        {403},
        r"days into the past",
        AccessDenied,
        "The plan of Mixpanel project {project_id} does not reach back far enough to {what}.",
        "Move start_date of the pipeline, or backfill a later range.",
    ),
    ErrorRule(
        {403},
        "",
        AccessDenied,
        "The service account of connection {conn_id} may not {what} in Mixpanel project {project_id}.",
        "Give its role access to the project and to data export; a project with classified data needs a custom "
        "role with that permission.",
    ),
    ErrorRule(
        {400},
        "",
        RequestRefused,
        "Mixpanel refused to {what} (HTTP 400{code}).",
        "Look at mixpanel.events and mixpanel.where in the pipeline file.",
    ),
    ErrorRule(
        {429},
        "",
        Throttled,
        "Mixpanel project {project_id} has used up its export budget, when asked to {what}.",
        "Mixpanel allows 60 exports an hour, 3 a second and 100 at once for a project, retries included; it goes "
        "on by itself.",
        RetryAction.SLOW_DOWN,
    ),
    SERVER_BUSY,
    SERVER,
    REFUSED,
)
