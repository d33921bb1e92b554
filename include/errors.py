"""The errors a person on call can meet: what happened, where, and what to do."""

from __future__ import annotations

from include.redact import one_line

_LONGEST = 20_000


class PipelineError(Exception):
    """One sentence that says what is wrong and where, and a hint that says what to do.

    No message holds a secret, a token, a request or response body, or a row's value. It stays on one line, without a
    control character, whatever names it tells: a log can neither be forged nor a terminal be steered by one.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        self.sentence = one_line(sentence, _LONGEST)
        self.hint = one_line(hint, _LONGEST)
        super().__init__(f"{self.sentence} {self.hint}".strip())


class Terminal(PipelineError):
    """Running the same thing again cannot help: a person has to change something."""


class Transient(PipelineError):
    """The same thing may well succeed later: retry."""


class Conflict(PipelineError):
    """Another run is at work on the same partition, or got there first."""


class Throttled(Transient):
    """A service, or our own budget for it, asks us to wait ``wait_seconds``."""

    def __init__(self, sentence: str, hint: str = "", *, wait_seconds: float) -> None:
        super().__init__(sentence, hint)
        self.wait_seconds = wait_seconds


class ConfigError(Terminal):
    """A pipeline file, a mapping set or a connection is wrong."""


class PartitionNotClosed(Terminal):
    """The day is not over in the Mixpanel project's time zone."""


class WrongClock(Transient):
    """This worker's clock and a service's differ by more than is safe; another worker may have the right time."""


class TruncatedExport(Transient):
    """Mixpanel's answer ended before the day did; nothing of it was published."""


class NotAnExport(Transient):
    """A 200 that holds something else than events."""


class WrongProject(Terminal):
    """The credentials, the project or the region do not belong together."""


class CredentialsRejected(Terminal):
    """A service does not accept the credentials of a connection."""


class SchemaError(Terminal):
    """The XDM schema cannot hold what the pipeline sends."""


class TooManyQuarantined(Terminal):
    """More rows were refused than the pipeline allows."""


class PartitionRefused(Terminal):
    """The day as a whole is not what it has to be."""


class LakeError(Transient):
    """The lake could not be read or written."""


class FilesRemoved(Transient):
    """The files of a step's output are not in the lake any more; its manifest is."""


class UnsafeStore(Terminal):
    """The lake's store does not keep create-only puts, so that it cannot lock."""


class ForeignObject(Terminal):
    """Something in the lake was not written by this project, or is not where this project would write it."""


class ForeignLake(Terminal):
    """The lake and the dataset do not belong together."""


class SettingsUnavailable(Transient):
    """Airflow could not answer whether a variable or connection is set."""


class ScratchError(Transient):
    """The worker's own scratch folder is full, or gone."""


class WorkerFailed(Transient):
    """A process that a step has started ended before its work was done."""


class BadManifest(Terminal):
    """A manifest or ledger record is unreadable, or from a newer version of this code."""


class NotADigest(BadManifest, ValueError):
    """A record names an output by something else than a digest."""


class ForgedRecord(BadManifest):
    """A record of the lake has no valid signature."""


class BatchFailed(Terminal):
    """AEP refused the batch."""


class CountMismatch(Terminal):
    """AEP says success, with other counts than the manifest's."""


class BatchStuck(Transient):
    """AEP has not finished the batch before the deadline."""


class ServiceUnavailable(Transient):
    """A service could not be reached, or says that it cannot answer now."""


class IdentityServiceUnavailable(ServiceUnavailable):
    """Adobe's identity service gave no usable token."""


class RequestRefused(Terminal):
    """A service says that the request itself is wrong."""


class NotFound(RequestRefused):
    """A service does not know what was asked for."""


class PayloadTooLarge(RequestRefused):
    """A service does not take so many bytes in one request."""


class AccessDenied(Terminal):
    """The credentials are good, but may not do this."""


class RedirectRefused(Terminal):
    """A service pointed to another address; credentials are never sent there."""


class AddressRefused(Terminal):
    """A service's name leads to a machine that cannot be the service; nothing was sent to it."""


class AlreadyExists(Conflict):
    """What was to be created is there already."""


class DatasetMissing(Terminal):
    """The pipeline's dataset does not exist, or is not the only one of its name."""


class ExportTerminatedEarly(TruncatedExport):
    """Mixpanel wrote into its answer that it stopped before the end."""


class ExportTooLarge(Terminal):
    """Mixpanel's answer is larger than any real one: a line, or what its gzip expands to."""


class AnotherSource(Terminal):
    """A dataset holds the events of another Mixpanel project."""


class AnotherPipeline(Terminal):
    """Another pipeline, or another installation, loads into the same dataset."""


class UnknownBatch(Terminal):
    """AEP holds a batch of the partition that the ledger does not know."""


class OpenBatchElsewhere(Conflict):
    """Another installation is filling a batch of the same partition."""


class BatchUnconfirmed(Transient):
    """AEP does not confirm now what the ledger says of a batch."""


class LedgerContradicted(Terminal):
    """A ledger record names a batch that in AEP belongs to another dataset or day."""


class QueryServiceBusy(Transient):
    """AEP's Query Service has no free session, runs another query, or took longer than it may."""


class LakeNotReadable(Terminal):
    """AEP's data lake cannot be read: permission, licence, login or table are missing."""


class DaysMissing(Terminal):
    """Days of a pipeline are not in AEP, for longer than the pipeline file allows."""


class VerificationFailed(Terminal):
    """AEP's data lake does not hold what the ledger says: rows are lost, duplicate or unknown."""


class AmendmentRefused(Terminal):
    """What a person wants to write into a ledger is not what AEP says."""
