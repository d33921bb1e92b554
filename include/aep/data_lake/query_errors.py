"""What the refusals of Query Service mean. What the server writes is in no message: it may quote data or a token."""

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
_LATER = "Nothing is wrong on this side; it is tried again later."


class LoginRefused(LakeNotReadable):
    """Query Service does not accept a password; another one may do."""


def opening_error(error: psycopg.Error, kind: str) -> PipelineError:
    """Return why a session could not be opened. libpq gives no SQLSTATE then, so the text decides."""
    said = str(error)[:_LONGEST_REASON]
    if _SESSIONS.search(said):
        return QueryServiceBusy("Query Service has no free session (Session Limit Reached).", _LATER)
    if "FATAL" not in said:
        if _CERTIFICATE.search(said):
            return LakeNotReadable(
                "The connection to Query Service is not secure: TLS is missing, or its certificate is not trusted here.",
                "Where a company's gateway looks into TLS, name its certificates in MIXPANEL_AEP_CA_BUNDLE.",
            )
        return ServiceUnavailable(
            "Query Service could not be reached.",
            "Look for a firewall between this machine and port 80 or 5432 of platform-query.adobe.io; a proxy for "
            "https does not carry this protocol.",
        )
    if _ALLOWED.search(said):
        return LakeNotReadable("Query Service does not let this credential in.", MANAGE_QUERIES)
    if _DATABASE.search(said):
        return LakeNotReadable(
            "Query Service finds no table in the AEP sandbox of the connection.",
            "Compare extra aep_sandbox of the connection; run the setup DAG, which creates the dataset.",
        )
    if _LOGIN.search(said):
        return LoginRefused(
            f"Query Service does not accept {kind} as a password.",
            "Create a non-expiring credential in AEP (Queries, Credentials) and write it into extra query_account and "
            "query_secret of the connection; one that is not used for 90 days ends.",
        )
    return ServiceUnavailable("Query Service refuses a session now.", _LATER)


def query_error(error: psycopg.Error, *, timed_out: bool) -> PipelineError:
    """Return what a failed query means, by its SQLSTATE (EP:query-service/troubleshooting-guide.md)."""
    state = error.sqlstate or ""
    if timed_out or state in ("53400", "57014"):
        return QueryServiceBusy(
            "A query took longer than Query Service's time limit, or than ours.",
            "It is tried again later; fewer days at once make it shorter.",
        )
    if state.startswith("53"):
        return QueryServiceBusy(f"Query Service is busy with other queries (SQLSTATE {state}).", _LATER)
    if state == "42P01":
        return LakeNotReadable(
            "Query Service does not know the dataset's table (SQLSTATE 42P01).",
            "A new dataset becomes a table some time after its first batch; compare its tag adobe/pqs/table.",
        )
    if state.startswith("28") or state == "42501":
        return LakeNotReadable(
            f"Query Service does not let this credential read the dataset (SQLSTATE {state}).", MANAGE_QUERIES
        )
    if state.startswith(("42", "0A", "22")):
        return LakeNotReadable(
            f"Query Service does not accept the query (SQLSTATE {state}).",
            "This is a fault of this project; let verify use Data Access until it is mended.",
        )
    if not state or state.startswith(("08", "57")):
        return ServiceUnavailable("The connection to Query Service broke off.", _LATER)
    return ServiceUnavailable(f"Query Service could not answer a query (SQLSTATE {state}).", _LATER)
