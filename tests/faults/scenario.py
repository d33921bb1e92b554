"""Where a case runs: its own Mixpanel project, dataset and lake, in a sandbox that all cases share."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.aep.ownership import Ownership
from include.config.model import Pipeline
from tests.faults.observation import LakeKind, Observation
from tests.faults.process_run import DAYS, End, Run, Tasks, Try, Where
from tests.support.canaries import AEP_SECRET, MIXPANEL_SECRET
from tests.support.pipeline_runner import PIPELINES

NOON = 1_782_907_200
"""12:00 UTC of the first day."""
ACCOUNT = "faults.mp-service-account"
if TYPE_CHECKING:
    from tests.faults.environment import FaultEnvironment

_HERE = Path(__file__).parent
_NUMBERS = itertools.count(6_000_001)
_TRIES = 8
"""More than any plan of faults can use up."""


def event(
    name: str = "Purchase", *, day: date = DAYS[0], key: str | None = None, **properties: Any
) -> dict[str, Any]:
    """Return an event at noon of its day; ``key`` is its ``$insert_id``. A property given as None is omitted."""
    at = NOON + 86_400 * (day - DAYS[0]).days
    base = {"time": at, "distinct_id": "u-1", "$user_id": "u-1", "$insert_id": key or f"i-{next(_NUMBERS)}"}
    given = {key: value for key, value in (base | properties).items() if value is not None}
    return {"event": name, "properties": given, "processed_at": (at + 7200) * 1000}


def base_pipeline() -> Pipeline:
    """Return the pipeline that all cases start from."""
    base = PIPELINES["hostile"]
    quality = base.quality.model_copy(update={"max_quarantined": 1.0, "history_days": 0})
    names = {"dataset": "Faults", "schema_name": "Faults", "field_group": str(_HERE / "field_group.json")}
    update = {"name": "faults", "mapping": str(_HERE / "mapping.json"), "end_date": None, "quality": quality}
    return base.model_copy(update={**update, "aep": base.aep.model_copy(update=names)})


class Scenario(Observation):
    """A case's own project, dataset, pipeline and lake; starts runs and observes their results.

    ``like``: it begins with a copy of another scenario's project and lake; the dataset is always its own.
    ``tagged``: setup has given the lake its id and the dataset its tags; False: an earlier version set it up.
    """

    def __init__(
        self,
        stage: FaultEnvironment,
        name: str,
        lake: LakeKind,
        like: Scenario | None = None,
        *,
        tagged: bool = True,
        **changes: Any,
    ) -> None:
        self.stage, number, self.tagged = stage, next(_NUMBERS), tagged
        self.project_id: int = like.project_id if like else number
        self.folder = stage.folder / name.replace("/", "-").replace(" ", "-")
        self.folder.mkdir(parents=True)
        self.lake_kind = lake
        self.where = Where(
            url=stage.url,
            lake=f"file://{self.folder}/lake" if lake == "disk" else f"s3://{stage.bucket}/{number}",
            pipeline=self._pipeline(number, changes),
            folder=str(self.folder),
            connection={"login": ACCOUNT, "password": MIXPANEL_SECRET,
                        "extra": {"project_id": self.project_id, "region": "us"}},
            aep_connection={"password": AEP_SECRET},
            environment=stage.environment if lake == "s3" else {},
        )  # fmt: skip
        if like:
            self._copy(like)
        else:
            project = {"id": number, "limits": {"enabled": False}}
            accounts = [{"username": ACCOUNT, "secret": MIXPANEL_SECRET}]
            stage.post("/mixpanel/projects", {**project, "accounts": accounts})
        self._tries = itertools.count(1)
        self.dataset_id = self.create_dataset()

    def create_dataset(self) -> str:
        """Create the pipeline's dataset with the tags that setup writes, and return its id."""
        content_type = "application/vnd.adobe.xed+json;version=1"
        owner = Ownership(self.pipeline.name, self.lake, str(self.runner.source))
        return self.stage.aep.catalog.create_dataset(
            {
                "name": self.pipeline.aep.dataset,
                "schemaRef": {"id": self.stage.schema_id, "contentType": content_type},
                "tags": owner.new_tags({}) if self.tagged else {},
            }
        )

    def _copy(self, other: Scenario) -> None:
        for key in other.lake.keys(f"{other.pipeline.name}/"):
            body = other.lake.read(key)
            assert body is not None
            assert self.lake.create(key, body)

    def _pipeline(self, number: int, changes: Mapping[str, Any]) -> Pipeline:
        base, changes = base_pipeline(), dict(changes)
        sections = {
            section: getattr(base, section).model_copy(update=changes.pop(section, {}))
            for section in ("mixpanel", "quality", "aep")
        }
        sections["aep"] = sections["aep"].model_copy(update={"dataset": f"Events of {number}"})
        return base.model_copy(update={"name": f"faults-{self.project_id}", **sections, **changes})

    def change(self, **fields: Any) -> None:
        """Use another pipeline file, connection, lake or limit from now on."""
        self.where = replace(self.where, **fields)
        self.forget_lake()

    def forget_lake(self) -> None:
        """Open the lake again at its next use, because its address or folder has changed."""
        self.__dict__.pop("lake", None)

    # Events outside the runs.

    def add(self, *events: Mapping[str, Any]) -> None:
        self.stage.post(f"/mixpanel/projects/{self.project_id}/events", {"events": list(events)})

    def fault(self, fault: Mapping[str, Any]) -> None:
        self.stage.post("/faults", dict(fault))

    def no_faults(self) -> None:
        """End the faults of all services and of S3."""
        self.stage.s3.calm()
        self.stage.session.delete(f"{self.stage.url}/_sandbox/faults", timeout=30).raise_for_status()

    def settings(self, **settings: Any) -> None:
        self.stage.post("/aep/settings", settings)

    def forced(self, *plans: Mapping[str, Any]) -> None:
        """Set how the next batches of this dataset end."""
        self.settings(next_batches=[{"dataset": self.dataset_id, **plan} for plan in plans])

    def batch_becomes(self, status: str) -> None:
        """Set another status of the newest batch, as a user or AEP could."""
        self.change_batch(status=status)

    def change_batch(self, batch: str | None = None, **fields: Any) -> None:
        """Change a batch, by default the newest one."""
        found = batch or max(self.batches(), key=lambda batch: batch["created"])["id"]
        self.stage.post(f"/aep/batches/{found}", fields)

    # Runs.

    def start(self, run: Run) -> Try:
        return Try(self.where, run, next(self._tries))

    def tried(self, run: Run) -> End:
        """Run one try to its end."""
        return self.start(run).wait()

    def finish(self, run: Run, tries: int = _TRIES) -> End:
        """Try the run as Airflow would, without failpoints: again where a retry may help."""
        calm = replace(run, failpoints="")
        for _ in range(tries):
            end = self.tried(calm)
            if end.outcome not in ("again", "died"):
                break
        return end

    def tasks(self, run: Run) -> Tasks:
        return Tasks(self.folder / f"{run.key}.xcom")

    def delete_dataset(self) -> None:
        """Delete a batch as a person does in AEP."""
        headers = self.runner.aep._http._headers()
        url = f"{self.stage.url}/data/foundation/catalog/dataSets/{self.dataset_id}"
        self.stage.session.delete(url, headers=headers, timeout=30).raise_for_status()

    def discard(self) -> None:
        """Remove the folder and the dataset, which would slow down the next cases."""
        self.delete_dataset()
        shutil.rmtree(self.folder, ignore_errors=True)
