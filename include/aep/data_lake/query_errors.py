"""Translates errors of Query Service into this project's errors.

The messages never contain the server's text, which may quote data or a token.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from include.aep.data_lake.query_login import MANAGE_QUERIES
from include.errors import LakeNotReadable, PipelineError, QueryServiceBusy, ServiceUnavailable

if TYPE_CHECKING:
    import psycopg

_SESSIONS = re.compile(r"session limit|too many (sessions|connections)", re.IGNORECASE)
_LOGIN = re.compile(r"password|authenticat|authoriz|token|credential|expired", re.IGNORECASE)
_ALLOWED = re.compile(r"permission|licen[cs]e|entitle|not allowed|access denied", re.IGNORECASE)
_DATABASE = re.compile(r"no tables? found|dbname|database .{0,200}?does not exist", re.IGNORECASE)
_CERTIFICATE = re.compile(r"certificate|SSL|TLS", re.IGNORECASE)
_LONGEST_REASON = 4000  # characters
_LATER = "The failure is on the side of the service. The task is retried later."


class LoginRefused(LakeNotReadable):
    """Query Service rejected the password of a login; another login may succeed."""


class TableMissing(LakeNotReadable):
    """Query Service does not have a table of the dataset, as is normal for some time after the first batch."""


def opening_error(error: psycopg.Error, kind: str) -> PipelineError:
    """Return the error for a session that could not be opened, by the text of libpq's error, which has no SQLSTATE.

    ``kind``: the kind of password that was used, for the message, such as ``the access token``.
    """
    message = str(error)[:_LONGEST_REASON]
    if _SESSIONS.search(message):
        return QueryServiceBusy("Query Service has no free session (Session Limit Reached).", _LATER)
    if "FATAL" not in message:
        if _CERTIFICATE.search(message):
            return LakeNotReadable(
                "The connection to Query Service is not secure: TLS is missing, or its certificate is not trusted on this machine.",
                "If a company gateway inspects TLS, set MIXPANEL_AEP_CA_BUNDLE to its certificates.",
            )
        return ServiceUnavailable(
            "Query Service could not be reached.",
            "Check for a firewall between this machine and port 80 or 5432 of platform-query.adobe.io. A proxy for https does "
            "not support this protocol.",
        )
    if _ALLOWED.search(message):
        return LakeNotReadable("Query Service denied access to this credential.", MANAGE_QUERIES)
    if _DATABASE.search(message):
        return TableMissing(
            "Query Service found no table in the AEP sandbox of the connection.",
            "Check extra aep_sandbox of the connection, and run the setup DAG, which creates the dataset.",
        )
    if _LOGIN.search(message):
        return LoginRefused(
            f"Query Service rejected {kind} as a password.",
            "Create a non-expiring credential in AEP (Queries, Credentials) and set it in extra query_account and "
            "query_secret of the connection. A credential that is not used for 90 days expires.",
        )
    return ServiceUnavailable("Query Service refused a session.", _LATER)


def query_error(error: psycopg.Error, *, timed_out: bool) -> PipelineError:
    """Return the error for a failed query, by its SQLSTATE (EP:query-service/troubleshooting-guide.md).

    ``timed_out``: whether this project stopped the query at its deadline.
    """
    state = error.sqlstate or ""
    if timed_out or state in ("53400", "57014"):
        return QueryServiceBusy(
            "A query exceeded the time limit of Query Service or of this project.",
            "The task is retried later. Fewer days at once shorten the query.",
        )
    if state.startswith("53"):
        return QueryServiceBusy(f"Query Service is busy with other queries (SQLSTATE {state}).", _LATER)
    if state == "42P01":
        return TableMissing(
            "Query Service did not find the dataset's table (SQLSTATE 42P01).",
            "The table of a new dataset appears some time after its first batch. Check the dataset's tag adobe/pqs/table.",
        )
    if state.startswith("28") or state == "42501":
        return LakeNotReadable(
            f"Query Service denied this credential access to the dataset (SQLSTATE {state}).", MANAGE_QUERIES
        )
    if state.startswith(("42", "0A", "22")):
        return LakeNotReadable(
            f"Query Service rejected the query (SQLSTATE {state}).",
            "Report this as a bug of this project, and set verify.reader: data_access until it is fixed.",
        )
    if not state or state.startswith(("08", "57")):
        return ServiceUnavailable("The connection to Query Service broke.", _LATER)
    return ServiceUnavailable(f"Query Service could not run a query (SQLSTATE {state}).", _LATER)
