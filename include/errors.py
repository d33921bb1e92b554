"""The error classes: each error says what happened, to what, and what to do."""

from __future__ import annotations

from include.redact import one_line

_LONGEST = 20_000


class PipelineError(Exception):
    """An error with a sentence that says what happened, to what, and a hint that says what to do.

    A message never contains a secret, a token, a request or response body, or a row's value. It is one line without
    control characters, whatever names it contains, so that it can neither forge a log line nor control a terminal.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        self.sentence = one_line(sentence, _LONGEST)
        self.hint = one_line(hint, _LONGEST)
        super().__init__(f"{self.sentence} {self.hint}".strip())


class Terminal(PipelineError):
    """A retry cannot help: a person has to change something."""


class Transient(PipelineError):
    """A retry may succeed."""


class Conflict(PipelineError):
    """Another run works on the same partition, or has already done so."""


class Throttled(Transient):
    """A service, or this project's own budget for it, requires a wait of ``wait_seconds``."""

    def __init__(self, sentence: str, hint: str = "", *, wait_seconds: float) -> None:
        super().__init__(sentence, hint)
        self.wait_seconds = wait_seconds


class ConfigError(Terminal):
    """A pipeline file, a mapping set or a connection is invalid."""


class PartitionNotClosed(Terminal):
    """The day has not ended in the Mixpanel project's time zone."""


class WrongClock(Transient):
    """The worker's clock differs from a service's by more than is safe; another worker's clock may be right."""


class TruncatedExport(Transient):
    """Mixpanel's response is truncated; no file was published."""


class NotAnExport(Transient):
    """A response with status 200 does not contain events."""


class WrongProject(Terminal):
    """The credentials, the project and the region do not belong together."""


class CredentialsRejected(Terminal):
    """A service rejected the credentials of a connection."""


class SchemaError(Terminal):
    """The XDM schema does not fit the rows that the pipeline sends."""


class TooManyQuarantined(Terminal):
    """More rows were quarantined than the pipeline allows."""


class PartitionRefused(Terminal):
    """The day as a whole does not meet its requirements."""


class LakeError(Transient):
    """The lake could not be read or written."""


class FilesRemoved(Transient):
    """The files of a step's output are no longer in the lake, but its manifest is."""


class UnsafeStore(Terminal):
    """The lake's store does not enforce create-only puts, so it cannot be used for locks."""


class ForeignObject(Terminal):
    """An object in the lake was not written by this project, or is not where this project would write it."""


class ForeignLake(Terminal):
    """The lake and the dataset do not belong together."""


class SettingsUnavailable(Transient):
    """Airflow could not return a variable or connection."""


class ScratchError(Transient):
    """The worker's scratch folder is full or missing."""


class WorkerFailed(Transient):
    """A process that a step started ended before its work was done."""


class BadManifest(Terminal):
    """A manifest or ledger record is unreadable, or from a newer version of this code."""


class NotADigest(BadManifest, ValueError):
    """A record names an output by something other than a digest."""


class ForgedRecord(BadManifest):
    """A record of the lake has no valid signature."""


class BatchFailed(Terminal):
    """AEP rejected the batch."""


class CountMismatch(Terminal):
    """AEP reports success, but with other counts than the manifest."""


class BatchStuck(Transient):
    """AEP did not finish the batch before the deadline."""


class ServiceUnavailable(Transient):
    """A service could not be reached, or reports that it is unavailable."""


class IdentityServiceUnavailable(ServiceUnavailable):
    """Adobe's identity service returned no usable token."""


class RequestRefused(Terminal):
    """A service rejected the request as invalid."""


class NotFound(RequestRefused):
    """A service did not find the requested object."""


class PayloadTooLarge(RequestRefused):
    """A service does not accept that many bytes in one request."""


class AccessDenied(Terminal):
    """The credentials are valid, but lack a permission."""


class RedirectRefused(Terminal):
    """A service responded with a redirect; credentials are never sent to another address."""


class AddressRefused(Terminal):
    """A service's host name resolves to an address that cannot be the service; no data was sent to it."""


class AlreadyExists(Conflict):
    """The object to be created already exists."""


class DatasetMissing(Terminal):
    """The pipeline's dataset does not exist, or several have its name."""


class ExportTerminatedEarly(TruncatedExport):
    """Mixpanel's response states that the export ended early."""


class ExportTooLarge(Terminal):
    """Mixpanel's response is too large: a line, or the decompressed size."""


class AnotherSource(Terminal):
    """A dataset contains the events of another Mixpanel project."""


class AnotherPipeline(Terminal):
    """Another pipeline, or another installation, loads into the same dataset."""


class UnknownBatch(Terminal):
    """AEP has a batch of the partition that is not in the ledger."""


class OpenBatchElsewhere(Conflict):
    """Another installation is filling a batch of the same partition."""


class BatchUnconfirmed(Transient):
    """AEP does not confirm a batch's state in the ledger."""


class LedgerContradicted(Terminal):
    """A ledger record names a batch that belongs to another dataset or day in AEP."""


class QueryServiceBusy(Transient):
    """AEP's Query Service has no free session, runs another query, or exceeded a time limit."""


class LakeNotReadable(Terminal):
    """AEP's data lake cannot be read: permission, licence, login or table are missing."""


class DaysMissing(Terminal):
    """Days of a pipeline have been missing in AEP for longer than the pipeline file allows."""


class VerificationFailed(Terminal):
    """AEP's data lake contradicts the ledger: rows are lost, duplicate or unknown."""


class AmendmentRefused(Terminal):
    """A manual ledger amendment contradicts AEP."""
