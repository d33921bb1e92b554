"""The table that maps Mixpanel's error responses to this project's errors.

Source: docs.mixpanel.com/reference/raw-event-export, and the response bodies that users have reported.
"""

from __future__ import annotations

from include.errors import (
    AccessDenied,
    CredentialsRejected,
    HistoryExceeded,
    PartitionNotClosed,
    RequestRefused,
    Throttled,
    WrongProject,
)
from include.http.error_rules import REFUSED, SERVER, SERVER_BUSY, ErrorRule, RetryAction

NOTHING_PUBLISHED = "No file was published; a retry exports the day again."
"""The hint of errors in the content of an export."""

_REJECTED = "Mixpanel rejected the service account of connection {conn_id}."
_REJECTED_HINT = (
    "Check that the account exists, has not expired and has this secret: Organization Settings > Service "
    "Accounts. It must belong to project {project_id}."
)

RULES = (
    ErrorRule(
        {400},
        r"to_date cannot be later than today",  # airbytehq/airbyte#23662: "today" is the project's day
        PartitionNotClosed,
        "Mixpanel reports that {to_date} is still in the future in the time zone of project {project_id}.",
        "Compare mixpanel.timezone and mixpanel.time_is in the pipeline file with the project's settings.",
    ),
    ErrorRule({400}, r"unable to authenticate request", CredentialsRejected, _REJECTED, _REJECTED_HINT),
    ErrorRule(
        {400, 401, 403},
        r"invalid project id for cluster",  # dragonkhoi/mixpanel-mcp#5
        WrongProject,
        "Mixpanel project {project_id} is not in region {region}, which connection {conn_id} sets.",
        "Set the region of the connection to {other_regions}.",
    ),
    ErrorRule({401}, "", CredentialsRejected, _REJECTED, _REJECTED_HINT),
    ErrorRule(
        {402},
        "",
        AccessDenied,
        "The plan of Mixpanel project {project_id} does not permit this project to {what}.",
        "Every plan includes raw export, but not the Query API. Check the plan in Mixpanel.",
    ),
    ErrorRule(
        {403},
        r"days into the past",
        HistoryExceeded,
        "The plan of Mixpanel project {project_id} does not reach back far enough to {what}.",
        "Set a later start_date in the pipeline file, or backfill a later range.",
    ),
    ErrorRule(
        {403},
        "",
        AccessDenied,
        "The service account of connection {conn_id} has no permission to {what} in Mixpanel project {project_id}.",
        "Grant its role access to the project and to data export. A project with classified data needs a custom "
        "role with that permission.",
    ),
    ErrorRule(
        {400},
        "",
        RequestRefused,
        "Mixpanel refused to {what} (HTTP 400{code}).",
        "Check mixpanel.events and mixpanel.where in the pipeline file.",
    ),
    ErrorRule(
        {429},
        "",
        Throttled,
        "Mixpanel project {project_id} has exhausted its rate limit; the request was to {what}.",
        "Mixpanel allows 60 exports an hour, 3 a second and 100 concurrently for a project, retries included. The "
        "task continues automatically.",
        RetryAction.SLOW_DOWN,
    ),
    SERVER_BUSY,
    SERVER,
    REFUSED,
)
