"""The error classes of this project; the message of each error says what happened and what to do."""

from __future__ import annotations

from include.redact import one_line

_MAX_CHARACTERS = 20_000


class PipelineError(Exception):
    """The base class of all errors of this project.

    Neither text may contain a secret, a token, a request or response body, or a value of a row. Both are converted to
    one line without control characters, so that a name in a message can neither forge a log line nor control a
    terminal.

    Attributes:
        sentence: what happened, and to what.
        hint: what to do; may be empty.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        self.sentence = one_line(sentence, _MAX_CHARACTERS)
        self.hint = one_line(hint, _MAX_CHARACTERS)
        super().__init__(f"{self.sentence} {self.hint}".strip())


class Terminal(PipelineError):
    """An error that a retry does not fix, because a person has to change something first; Airflow does not retry it."""


class Transient(PipelineError):
    """An error that may be temporary, so that a retry may succeed."""


class Conflict(PipelineError):
    """Another run or user is changing, or has just changed, the same data; a retry reads the new state."""


class Throttled(Transient):
    """A rate limit of a service, or this project's limit for the service, requires a wait of ``wait_seconds``."""

    def __init__(self, sentence: str, hint: str = "", *, wait_seconds: float) -> None:
        super().__init__(sentence, hint)
        self.wait_seconds = wait_seconds


class ConfigError(Terminal):
    """A pipeline file, a mapping set or a connection is invalid."""


class PartitionNotClosed(Terminal):
    """The day has not ended in the Mixpanel project's time zone."""


class WrongClock(Transient):
    """The clock of this worker differs too much from a service's clock; a retry on another worker may succeed."""


class TruncatedExport(Transient):
    """Mixpanel's response to an export request is truncated; nothing of it was published in the lake."""


class NotAnExport(Transient):
    """Mixpanel's response to an export request does not consist of events."""


class WrongProject(Terminal):
    """The project is not in the connection's region of Mixpanel, or the service account has no access to it."""


class CredentialsRejected(Terminal):
    """A service rejected the credentials of a connection."""


class SchemaError(Terminal):
    """The XDM schema in AEP contradicts the pipeline's mapping, its field groups, or the requirements of AEP."""


class TooManyQuarantined(Terminal):
    """A larger share of a day's rows was quarantined than the pipeline file allows."""


class PartitionRefused(Terminal):
    """A whole day fails validation, for example because an ``_id`` occurs twice or the day has no events."""


class LakeError(Transient):
    """The lake could not be read or written."""


class FilesRemoved(Transient):
    """The files of a step's output were removed from the lake, but its manifest exists; the step has to run again."""


class UnsafeStore(Terminal):
    """The lake's object store lets two processes create the same object, so it cannot be used for locks."""


class ForeignObject(Terminal):
    """A folder lake contains a symbolic link, or an entry that is neither a file nor a folder, on the path of a key."""


class ForeignLake(Terminal):
    """The dataset's tag contains the id of another lake, through which the dataset was loaded before."""


class SettingsUnavailable(Transient):
    """A variable or connection could not be read from Airflow."""


class ScratchError(Transient):
    """The worker's scratch folder is full or missing."""


class WorkerFailed(Transient):
    """A child process that a step started failed or was killed."""


class BadManifest(Terminal):
    """A manifest or ledger record is unreadable, or from a newer version of this code."""


class NotADigest(BadManifest, ValueError):
    """A record in the lake contains another text where a digest is required."""


class ForgedRecord(BadManifest):
    """The signature of a record in the lake is missing or invalid."""


class BatchFailed(Terminal):
    """AEP rejected the batch."""


class CountMismatch(Terminal):
    """AEP reports a batch as successful, but with numbers of rows that differ from the manifest."""


class BatchStuck(Transient):
    """AEP neither ingested nor rejected a batch before the deadline."""


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
    """The credentials of a connection are valid, but do not have the permission for a request."""


class HistoryExceeded(AccessDenied):
    """The plan of the Mixpanel project does not include exports of days so long ago."""


class RedirectRefused(Terminal):
    """A service responded with a redirect, which is not followed, because credentials would go to another address."""


class AddressRefused(Terminal):
    """The host name of a service resolves to an IP address that the service cannot have; no data was sent to it."""


class AlreadyExists(Conflict):
    """A service reports that the object to be created already exists."""


class DatasetMissing(Terminal):
    """The pipeline's dataset does not exist in AEP, or several datasets have its name."""


class ExportTerminatedEarly(TruncatedExport):
    """Mixpanel's response contains a line in which Mixpanel reports that it terminated the export early."""


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
    """AEP does not confirm what the ledger records about a batch, or does not respond; a later retry may succeed."""


class LedgerContradicted(Terminal):
    """A ledger record names a batch that belongs to another dataset or day in AEP."""


class QueryServiceBusy(Transient):
    """AEP's Query Service has no free session, is busy with other queries, or took too long for a query."""


class LakeNotReadable(Terminal):
    """AEP's data lake cannot be read: a permission, the licence, the login or the table is missing."""


class DaysMissing(Terminal):
    """Days of a pipeline are missing in AEP for longer than ``missing_grace_hours`` of the pipeline file permits."""


class VerificationFailed(Terminal):
    """AEP's data lake contradicts the ledger: rows are missing, duplicate or unknown."""


class AmendmentRefused(Terminal):
    """A ledger record that a person wants to add contradicts AEP; it was not written."""
