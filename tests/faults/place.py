"""Where a case is played: its own Mixpanel project, dataset and lake, in a sandbox that all cases share."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import requests

from include.aep.client import AepClient
from include.aep.data_lake import EVER
from include.aep.ownership import Ownership
from include.config.model import Pipeline
from include.lake.history import History, Target
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.ledger import LedgerRecord
from tests.carrying import PIPELINES, Carrier
from tests.faults.running import DAYS, End, Run, Tasks, Try, Where
from tests.faults.s3 import S3Proxy
from tests.security.canaries import AEP_SECRET, MIXPANEL_SECRET, find_canaries, find_in

LakeKind = Literal["disk", "s3"]
NOON = 1_782_907_200
"""12:00 UTC of the first day."""
ACCOUNT = "faults.mp-service-account"
_HERE = Path(__file__).parent
_NUMBERS = itertools.count(6_000_001)
_TRIES = 8
"""More than any plan of faults can use up."""


def event(
    name: str = "Purchase", *, day: date = DAYS[0], key: str | None = None, **properties: Any
) -> dict[str, Any]:
    """An event at noon of its day; ``key`` is its ``$insert_id``. A property given as None is left out."""
    at = NOON + 86_400 * (day - DAYS[0]).days
    base = {"time": at, "distinct_id": "u-1", "$user_id": "u-1", "$insert_id": key or f"i-{next(_NUMBERS)}"}
    given = {key: value for key, value in (base | properties).items() if value is not None}
    return {"event": name, "properties": given, "processed_at": (at + 7200) * 1000}


@dataclass
class Stage:
    """A sandbox, where it can make lakes, and the schema into whose datasets every case loads."""

    url: str
    folder: Path
    s3: S3Proxy
    environment: Mapping[str, str]
    """Of a process that is to reach S3."""
    bucket: str

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.renew()

    def renew(self) -> None:
        """Forgets all that was ever made, which every question to the sandbox would have to look through."""
        self.post("/reset", {})
        self.post("/aep/settings", {"batch_seconds": 0, "batches_per_minute": None, "secrets": [AEP_SECRET]})
        base = Carrier(
            self.url, Lake(f"file://{self.folder}/none"), _base(), aep_connection={"password": AEP_SECRET}
        )
        base.setup()
        self.aep: AepClient = base.aep
        self.schema_id = self.aep.catalog.require_dataset(base.pipeline.aep.dataset)["schemaRef"]["id"]
        self.settings = self.get("/aep/settings")

    def post(self, path: str, body: Any) -> Any:
        return self._ask("POST", path, json=body)

    def get(self, path: str, /, **query: Any) -> Any:
        return self._ask("GET", path, params=query)

    def clear_up(self) -> None:
        """Forgets all faults and settings of a case."""
        self.s3.calm()
        self._ask("DELETE", "/faults")
        self._ask("POST", "/aep/settings", json={**self.settings, "next_batches": []})
        self._ask("POST", "/clock", json={"reset": True})

    def place(
        self,
        name: str,
        lake: LakeKind = "disk",
        like: Place | None = None,
        *,
        tagged: bool = True,
        **changes: Any,
    ) -> Place:
        return Place(self, name, lake, like, tagged=tagged, **changes)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.session.request(method, f"{self.url}/_sandbox{path}", timeout=30, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


def _base() -> Pipeline:
    base = PIPELINES["hostile"]
    quality = base.quality.model_copy(update={"max_quarantined": 1.0, "history_days": 0})
    names = {"dataset": "Faults", "schema_name": "Faults", "field_group": str(_HERE / "field_group.json")}
    update = {"name": "faults", "mapping": str(_HERE / "mapping.json"), "end_date": None, "quality": quality}
    return base.model_copy(update={**update, "aep": base.aep.model_copy(update=names)})


class Place:
    """A case's own project, dataset, pipeline and lake; starts runs and looks at what became of them.

    ``like``: it begins with another place's project and a copy of its lake; the dataset is its own all the same.
    ``tagged``: setup has given the lake its id and the dataset its tags; False: it was set up by an earlier version.
    """

    def __init__(
        self,
        stage: Stage,
        name: str,
        lake: LakeKind,
        like: Place | None = None,
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
        """Create the pipeline's dataset with the tags that setup writes; its id."""
        content_type = "application/vnd.adobe.xed+json;version=1"
        owner = Ownership(self.pipeline.name, self.lake, str(self.carrier.source))
        return self.stage.aep.catalog.create_dataset(
            {
                "name": self.pipeline.aep.dataset,
                "schemaRef": {"id": self.stage.schema_id, "contentType": content_type},
                "tags": owner.new_tags({}) if self.tagged else {},
            }
        )

    def _copy(self, other: Place) -> None:
        for key in other.lake.keys(f"{other.pipeline.name}/"):
            body = other.lake.read(key)
            assert body is not None
            assert self.lake.create(key, body)

    def _pipeline(self, number: int, changes: Mapping[str, Any]) -> Pipeline:
        base, changes = _base(), dict(changes)
        sections = {
            section: getattr(base, section).model_copy(update=changes.pop(section, {}))
            for section in ("mixpanel", "quality", "aep")
        }
        sections["aep"] = sections["aep"].model_copy(update={"dataset": f"Events of {number}"})
        return base.model_copy(update={"name": f"faults-{self.project_id}", **sections, **changes})

    @property
    def pipeline(self) -> Pipeline:
        return self.where.pipeline

    @property
    def carrier(self) -> Carrier:
        return self.where.carrier()

    @property
    def history(self) -> History:
        """What was loaded into this place's dataset."""
        aep = self.carrier.aep
        target = Target(aep.org_id, aep.aep_sandbox, self.dataset_id)
        return History(self.lake, self.carrier.source, target)

    @cached_property
    def lake(self) -> Lake:
        """Opened once: a store in S3 reads all certificates when it is."""
        return Lake(self.where.lake)

    @property
    def aep_sandbox(self) -> str:
        return str(self.carrier.aep.aep_sandbox)

    def change(self, **fields: Any) -> None:
        """Another pipeline file, connection, lake or limit from here on."""
        self.where = replace(self.where, **fields)
        self.forget_lake()

    def forget_lake(self) -> None:
        """Opens the lake again when it is next asked for: it has another address, or its folder is another one."""
        self.__dict__.pop("lake", None)

    # What happens outside.

    def add(self, *events: Mapping[str, Any]) -> None:
        self.stage.post(f"/mixpanel/projects/{self.project_id}/events", {"events": list(events)})

    def fault(self, fault: Mapping[str, Any]) -> None:
        self.stage.post("/faults", dict(fault))

    def no_faults(self) -> None:
        """All services behave again, and S3."""
        self.stage.s3.calm()
        self.stage.session.delete(f"{self.stage.url}/_sandbox/faults", timeout=30).raise_for_status()

    def settings(self, **settings: Any) -> None:
        self.stage.post("/aep/settings", settings)

    def forced(self, *plans: Mapping[str, Any]) -> None:
        """How the next batches of this dataset end."""
        self.settings(next_batches=[{"dataset": self.dataset_id, **plan} for plan in plans])

    def batch_becomes(self, status: str) -> None:
        """Somebody, or AEP itself, gives the newest batch another status."""
        self.change_batch(status=status)

    def change_batch(self, batch: str | None = None, **fields: Any) -> None:
        """Change a batch, the newest one where none is named."""
        found = batch or max(self.batches(), key=lambda batch: batch["created"])["id"]
        self.stage.post(f"/aep/batches/{found}", fields)

    # Runs.

    def start(self, run: Run) -> Try:
        return Try(self.where, run, next(self._tries))

    def tried(self, run: Run) -> End:
        """One try, to its end."""
        return self.start(run).wait()

    def finish(self, run: Run, tries: int = _TRIES) -> End:
        """Tries the run as Airflow would, without failpoints: again where that may help."""
        calm = replace(run, failpoints="")
        for _ in range(tries):
            end = self.tried(calm)
            if end.outcome not in ("again", "died"):
                break
        return end

    def tasks(self, run: Run) -> Tasks:
        return Tasks(self.folder / f"{run.key}.xcom")

    # What became of them.

    def partition(self, day: date = DAYS[0]) -> PartitionKey:
        return PartitionKey(self.pipeline.name, day)

    def records(self, day: date = DAYS[0]) -> list[LedgerRecord]:
        return self.history.ledger(day).records()

    def kinds(self, day: date = DAYS[0]) -> list[str]:
        return [record.kind for record in self.records(day)]

    def active(self) -> list[tuple[str, str]]:
        """``_id`` and batch of every row that is active."""
        return self.active_in(self.pipeline.aep.dataset)

    def active_in(self, dataset: str) -> list[tuple[str, str]]:
        """The same of another dataset, by its name or id."""
        url, query = (
            f"{self.stage.url}/_sandbox/aep/active",
            {"dataset": dataset, "sandbox": self.aep_sandbox},
        )
        answer = self.stage.session.get(url, params=query, timeout=30)
        answer.raise_for_status()
        rows = [json.loads(line) for line in answer.content.split(b"\n") if line]
        return [(str(row["_id"]), str(row["batch"])) for row in rows]

    def read_lake(self) -> list[tuple[str, str]]:
        """The same as AEP's Query Service shows it, over the wire, as ``verify`` reads it."""
        aep = self.carrier.aep
        dataset = aep.catalog.require_dataset(self.pipeline.aep.dataset)
        with aep.lake_reader() as reader:
            return list(reader.ids(dataset, EVER.start, EVER.end))

    def events_now(self) -> list[bytes]:
        """The lines that Mixpanel would return now, of all days."""
        url = f"{self.stage.url}/_sandbox/mixpanel/projects/{self.project_id}/events"
        query = {"from_date": "2026-01-01", "to_date": "2026-12-31"}
        answer = self.stage.session.get(url, params=query, timeout=30)
        answer.raise_for_status()
        return [line for line in answer.content.split(b"\n") if line]

    def batches(self) -> list[dict[str, Any]]:
        """The batches of this dataset, as Catalog shows them."""
        found = self.stage.get("/aep/batches", sandbox=self.aep_sandbox)["batches"]
        return [
            {"id": key, **body}
            for entry in found
            for key, body in (entry.items() if len(entry) == 1 else [(entry["id"], entry)])
            if any(related["id"] == self.dataset_id for related in body.get("relatedObjects", ()))
        ]

    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def leaks(self) -> list[object]:
        """Secrets of its connections in anything that its runs have left or said."""
        found: list[object] = list(find_canaries([self.folder]))
        if self.lake_kind == "s3":
            found += [
                (key, leak)
                for key in self.lake.keys(self.pipeline.name)
                for leak in find_in(self.lake.read(key) or b"")
            ]
        return found

    def delete_dataset(self) -> None:
        """As a person does in AEP."""
        headers = self.carrier.aep._http._headers()
        url = f"{self.stage.url}/data/foundation/catalog/dataSets/{self.dataset_id}"
        self.stage.session.delete(url, headers=headers, timeout=30).raise_for_status()

    def discard(self) -> None:
        """The dataset, which would make the next cases slower, and the folder."""
        self.delete_dataset()
        shutil.rmtree(self.folder, ignore_errors=True)
