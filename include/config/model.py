"""The model of a pipeline file: all its keys, with their types and defaults. Other keys are refused."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from include.config.airflow import AirflowSettings
from include.config.alerts import Alerts
from include.config.cron import normalize_cron
from include.config.identities import Identities, IdentityPlaceholders
from include.config.mixpanel_source import ConnectionId, MixpanelSource
from include.config.shares import parse_share

LAST_DAY = date(9000, 1, 1)
"""The last day that is accepted: calculations with later ones would reach the year 9999, with which Python's dates end."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _validate_percentage(value: object) -> float:
    """Return ``value`` as a float; raise an error if it is not a number from 0 to 100."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise ValueError(
            "AEP's error threshold is a percentage from 0 to 100; write it without a percent sign"
        )
    return float(value)


def _file_name(value: str, folder: str, *endings: str) -> str:
    """Return ``value``; raise an error if it is not a file name, without a folder, that ends with one of ``endings``.

    ``folder``: the folder of such files, for the error message.
    """
    if not re.fullmatch(rf"[A-Za-z0-9_.-]+\.({'|'.join(endings)})", value):
        kinds = " or ".join(f".{ending}" for ending in endings)
        raise ValueError(f"write the name of a {kinds} file in include/pipelines/{folder}")
    return value


def _require_printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("a name may not contain line breaks or invisible characters")
    return value


Title = Annotated[str, Field(min_length=1), AfterValidator(_require_printable)]


class AepTarget(_Section):
    """The section ``aep:`` of a pipeline file: the dataset to load, and how setup creates it and its schema."""

    conn_id: ConnectionId = "aep_default"
    dataset: Title
    """The dataset's name, or its id of 24 hex digits."""
    schema_name: Annotated[Title, Field(alias="schema")]
    """The schema's title, ``$id`` or ``meta:altId``."""
    field_groups: tuple[Title, ...] = ()
    """The titles or ``$id``s of existing field groups that setup adds to the schema, in addition to ``field_group``."""
    field_group: str | None = None
    """The name of the file in ``include/pipelines/field_groups`` with the pipeline's own field group."""
    profile: bool | None = None
    """True: setup enables schema and dataset for Profile, irreversibly. False: an enabled dataset is an error.

    None: the dataset stays as it is; if it is enabled, events are checked against Profile's requirements.
    """
    primary_identity: str | None = None
    """The entry of ``identities`` whose field setup marks as the schema's primary identity, irreversibly."""
    formerly: str | None = None
    """The former name of a renamed pipeline: setup then replaces this name in the dataset's ownership tag."""
    new_namespaces: tuple[str, ...] = ()
    """Codes of namespaces that setup creates although AEP already has a namespace with a similar code."""
    file_format: Literal["parquet", "json"] = Field("parquet", alias="format")
    error_threshold_percent: Annotated[float, BeforeValidator(_validate_percentage)] = 0
    """AEP's partial ingestion: up to this percentage of refused rows, AEP ingests the other rows of a batch."""

    @field_validator("field_group")
    @classmethod
    def _plain_file_name(cls, value: str | None) -> str | None:
        return value if value is None else _file_name(value, "field_groups", "json")


Rule = Literal[
    "in_the_past",
    "in_the_partition",
    "identity",
    "primary_identity",
    "event_size",
    "rows",
    "id_unique",
    "event_share",
]


class Quality(_Section):
    """The section ``quality:`` of a pipeline file: which rules refuse events, and when a whole day is refused.

    docs/quality.md describes the rules.
    """

    max_quarantined: Annotated[float, BeforeValidator(parse_share)] = 0.005
    """The largest share of a day's events that may be in quarantine."""
    max_removed: Annotated[float, BeforeValidator(parse_share)] = 0.5
    """The largest share of a day's active rows that a replacement may remove."""
    allow_empty: bool = True
    """Whether a day without valid events passes validation."""
    history_days: int = Field(default=28, ge=0, le=90, strict=True)
    """From how many previous days the usual share of each event name is computed, for the rule ``event_share``."""
    severity: dict[Rule, Literal["critical", "warning"]] = {}
    """Whether a rule refuses events (``critical``) or only reports them; by default as in docs/quality.md."""
    show_values: bool = False
    """Whether quarantine reasons and reports show the values that were refused; these may be personal data."""


class Verify(_Section):
    """The section ``verify:`` of a pipeline file: when and how AEP's data lake is compared with the ledgers."""

    schedule: Annotated[str, AfterValidator(normalize_cron)] | None = "0 12 * * 0"
    """A cron expression in the project's time zone for the verify DAG. None: it only runs when a user triggers it."""
    budget_seconds: int = Field(default=1800, ge=1, le=10 * 3600, strict=True)
    """The time limit for all queries of one run together."""
    reader: Literal["query_service", "data_access"] = "query_service"
    """The API that reads the data lake. Data Access downloads complete files, and Adobe has deprecated it."""


Days = Annotated[int, Field(ge=1, le=36_500, strict=True)]


class Retention(_Section):
    """The section ``retention:`` of a pipeline file: for how many days files stay in the lake; None: for ever.

    The days are counted from when a file was written. Ledgers, ids, manifests and schemas are never removed.
    """

    raw_days: Days | None = None
    """For how many days exports stay. The export of a day that is not loaded yet is not removed."""
    quarantine_days: Days | None = None
    """For how many days files with quarantined events stay."""
    report_days: Days | None = None
    """For how many days quality reports stay."""
    superseded_days: Days | None = 7
    """For how many days the outputs of steps stay after the day was loaded, or after a newer output was written."""


class Pipeline(_Section):
    """A validated pipeline file, which defines how one Mixpanel project is loaded into one AEP dataset."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    """The name of the file without ``.yaml``."""
    mixpanel: MixpanelSource
    aep: AepTarget
    mapping: str
    """The name of the file in ``include/pipelines/mappings`` with the mapping set."""
    unmapped: Literal["keep", "drop", "fail"] = "keep"
    """What happens to properties that no mapping reads: they are stored as JSON text or dropped, or the day fails."""
    identities: Identities
    identity_placeholders: IdentityPlaceholders = IdentityPlaceholders()
    quality: Quality = Quality()
    verify: Verify = Verify()
    retention: Retention = Retention()
    alerts: Alerts | None = None
    airflow: AirflowSettings = AirflowSettings()
    late_days: int = Field(5, ge=0, le=60, strict=True)
    """How many recent days the reconcile DAG exports again, to find late events."""
    settle_hours: float = Field(6, ge=0, le=240, strict=True)
    """How many hours after its end a day has settled. It is then exported, because Mixpanel has most late events."""
    missing_grace_hours: float = Field(24, ge=0, le=24 * 60, strict=True)
    """For how many hours after a day has settled it may be missing in AEP before the audit fails."""
    catch_up_days: int = Field(0, ge=0, le=60, strict=True)
    """How many missing days a reconcile run loads at most."""
    shard_events: int | None = Field(None, ge=1000, strict=True)
    """The size of a shard in rows: a larger day is validated by one task for each shard. None: by a single task."""
    start_date: date
    """The first day that is loaded."""
    end_date: date | None = None
    """The last day that is loaded; None: no end."""
    lake: str | None = None
    """The address of the lake; None: that of the Airflow variable ``mixpanel_aep_lake``, or else the default lake."""
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path | None:
        """The folder of the pipeline file; None for a pipeline that was not read from a file."""
        return self._folder

    def with_folder(self, folder: Path) -> Self:
        """Return a copy of this pipeline whose file is in ``folder``."""
        copy = self.model_copy()
        copy._folder = folder
        return copy

    @property
    def has_retention(self) -> bool:
        """Whether the pipeline file has the section ``retention``; if so, a file that cannot be removed is an error."""
        return "retention" in self.model_fields_set

    @property
    def namespaces(self) -> dict[str, str]:
        """The code of the namespace of each entry of ``identities``, by the entry's name."""
        return {name: source.namespace for name, source in self.identities.items()}

    @property
    def identity_properties(self) -> tuple[str, ...]:
        """The entries of ``identities`` whose value is that of the Mixpanel property, not that of an expression."""
        return tuple(name for name, source in self.identities.items() if source.value is None)

    @property
    def dag_id(self) -> str:
        """The id of the daily DAG, which loads the pipeline's days."""
        return f"mixpanel_to_aep_{self.name.replace('-', '_')}"

    @property
    def reconcile_dag_id(self) -> str:
        """The id of the reconcile DAG, which refreshes recent days and audits all days of the pipeline."""
        return f"mixpanel_aep_reconcile_{self.name.replace('-', '_')}"

    @property
    def day_dag_id(self) -> str:
        """The id of the DAG whose form in Airflow starts the load of a single day."""
        return f"mixpanel_aep_day_{self.name.replace('-', '_')}"

    @property
    def verify_dag_id(self) -> str:
        """The id of the verify DAG, which compares AEP's data lake with the pipeline's ledgers."""
        return f"mixpanel_aep_verify_{self.name.replace('-', '_')}"

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        for day in filter(None, (self.start_date, self.end_date)):
            if day > LAST_DAY:
                raise ValueError(f"{day} is too late: the last day is {LAST_DAY}")
        if self.end_date is not None and self.end_date < self.start_date:
            raise ValueError(f"end_date {self.end_date} is before start_date {self.start_date}")
        return self

    @model_validator(mode="after")
    def _known_primary_identity(self) -> Self:
        name = self.aep.primary_identity
        if name is None:
            return self
        if name not in self.identities:
            raise ValueError(
                f"aep.primary_identity {name!r} is not an entry of identities; the entries are {', '.join(self.identities)}"
            )
        if name not in self.identity_properties:
            raise ValueError(
                f"aep.primary_identity {name!r} is a computed identity, which has no field in the schema; name an "
                "identity that is a property"
            )
        return self

    @field_validator("mapping")
    @classmethod
    def _plain_file_name(cls, value: str) -> str:
        return _file_name(value, "mappings", "json", "csv")
