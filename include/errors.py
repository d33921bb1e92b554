"""The error classes of the project. The text of each error says what happened, to what, and what to do."""

from __future__ import annotations

from include.redact import one_line

_MAX_CHARACTERS = 20_000


class PipelineError(Exception):
    """The base class of all errors. ``sentence`` says what happened, and to what; ``hint`` says what to do.

    Neither text may contain a secret, a token, a request or response body, or a value of a row. Both are reduced to one
    line without control characters, so that a name in a message can neither forge a log line nor control a terminal.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        self.sentence = one_line(sentence, _MAX_CHARACTERS)
        self.hint = one_line(hint, _MAX_CHARACTERS)
        super().__init__(f"{self.sentence} {self.hint}".strip())


class Terminal(PipelineError):
    """An error that a retry cannot fix: a person has to change something first."""


class Transient(PipelineError):
    """An error that may be temporary: a retry may succeed."""


class Conflict(PipelineError):
    """Another run changes, or has just changed, the same data."""


class Throttled(Transient):
    """A service's rate limit, or this project's own budget for the service, requires a wait of ``wait_seconds``."""

    def __init__(self, sentence: str, hint: str = "", *, wait_seconds: float) -> None:
        super().__init__(sentence, hint)
        self.wait_seconds = wait_seconds


class ConfigError(Terminal):
    """A pipeline file, a mapping set or a connection is invalid."""


class PartitionNotClosed(Terminal):
    """The day has not ended in the Mixpanel project's time zone."""


class WrongClock(Transient):
    """This worker's clock differs too much from a service's clock; a retry on another worker may succeed."""


class TruncatedExport(Transient):
    """Mixpanel's response to an export request ended too early; nothing of it was published in the lake."""


class NotAnExport(Transient):
    """Mixpanel's response to an export request does not consist of events."""


class WrongProject(Terminal):
    """The service account of the Mixpanel connection has no access to the project in the connection's region."""


class CredentialsRejected(Terminal):
    """A service rejected the credentials of a connection."""


class SchemaError(Terminal):
    """The XDM schema does not accept the rows that the pipeline would send."""


class TooManyQuarantined(Terminal):
    """A larger share of a day's rows was quarantined than the pipeline file allows."""


class PartitionRefused(Terminal):
    """The day as a whole fails validation, for example because an ``_id`` occurs twice or the day has no events."""


class LakeError(Transient):
    """The lake could not be read or written."""


class FilesRemoved(Transient):
    """The files of a step's output were removed from the lake; its manifest still exists."""


class UnsafeStore(Terminal):
    """The lake's store does not enforce create-only puts, so it cannot be used for locks."""


class ForeignObject(Terminal):
    """A folder lake contains a symbolic link, or an entry that is neither a file nor a folder, on the path of a key."""


class ForeignLake(Terminal):
    """The lake's id differs from the id in the dataset's tags: the dataset was loaded through another lake."""


class SettingsUnavailable(Transient):
    """A variable or connection could not be read from Airflow."""


class ScratchError(Transient):
    """The worker's scratch folder is full or missing."""


class WorkerFailed(Transient):
    """A child process that a step started failed or was killed."""


class BadManifest(Terminal):
    """A manifest or ledger record is unreadable, or from a newer version of this code."""


class NotADigest(BadManifest, ValueError):
    """A record in the lake contains a text that should be a digest and is not."""


class ForgedRecord(BadManifest):
    """A record in the lake has no signature or an invalid one."""


class BatchFailed(Terminal):
    """AEP rejected the batch."""


class CountMismatch(Terminal):
    """AEP reports a batch as successful, but with other row counts than those in the manifest."""


class BatchStuck(Transient):
    """AEP did not finish the batch before the deadline."""


class ServiceUnavailable(Transient):
    """A service could not be reached, or reports that it is unavailable."""


class IdentityServiceUnavailable(ServiceUnavailable):
    """Adobe's identity service (IMS) returned no usable access token."""


class RequestRefused(Terminal):
    """A service rejected the request as invalid."""


class NotFound(RequestRefused):
    """A service did not find the requested object."""


class PayloadTooLarge(RequestRefused):
    """A service rejected the request because its body is too large."""


class AccessDenied(Terminal):
    """The credentials are valid, but lack a permission."""


class HistoryExceeded(AccessDenied):
    """The plan of the Mixpanel project does not reach back to the requested days."""


class RedirectRefused(Terminal):
    """A service responded with a redirect; credentials are never sent to another address."""


class AddressRefused(Terminal):
    """A service's host name resolves to an address that cannot be the service; no data was sent to it."""


class AlreadyExists(Conflict):
    """A service reports that the object to be created already exists."""


class DatasetMissing(Terminal):
    """The pipeline's dataset does not exist, or several have its name."""


class ExportTerminatedEarly(TruncatedExport):
    """Mixpanel's response contains Mixpanel's own message that the export ended early."""


class ExportTooLarge(Terminal):
    """Mixpanel's response exceeds a limit: the length of a line, or the size after decompression."""


class AnotherSource(Terminal):
    """The dataset already contains events of another Mixpanel project."""


class AnotherPipeline(Terminal):
    """Another pipeline, or another installation of this project, loads into the same dataset."""


class UnknownBatch(Terminal):
    """AEP has a batch of the partition that the ledger does not contain."""


class OpenBatchElsewhere(Conflict):
    """Another installation has an unfinished batch of the same partition in AEP."""


class BatchUnconfirmed(Transient):
    """AEP does not confirm what the ledger records about a batch, or reports nothing about the batch."""


class LedgerContradicted(Terminal):
    """A ledger record names a batch that belongs to another dataset or day in AEP."""


class QueryServiceBusy(Transient):
    """AEP's Query Service has no free session, runs another query, or exceeded a time limit."""


class LakeNotReadable(Terminal):
    """AEP's data lake cannot be read: a permission, the licence, the login or the table is missing."""


class DaysMissing(Terminal):
    """Days of a pipeline have not been in AEP for longer than ``missing_grace_hours`` of the pipeline file allows."""


class VerificationFailed(Terminal):
    """AEP's data lake contradicts the ledger: rows are missing, duplicate or unknown."""


class AmendmentRefused(Terminal):
    """A ledger record that a person wants to add contradicts AEP; it was not written."""
