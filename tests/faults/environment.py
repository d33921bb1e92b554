"""Where scenarios are created: a sandbox that all cases share, and S3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from include.aep.client import AepClient
from include.lake.lake import Lake
from tests.faults.observation import LakeKind
from tests.faults.s3_proxy import S3Proxy
from tests.faults.scenario import Scenario, base_pipeline
from tests.support.canaries import AEP_SECRET
from tests.support.pipeline_runner import PipelineRunner


@dataclass
class FaultEnvironment:
    """A sandbox, a place for lakes, and the schema of the datasets of every case."""

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
        """Discard everything that was created, which every request to the sandbox would have to search."""
        self.post("/reset", {})
        self.post("/aep/settings", {"batch_seconds": 0, "batches_per_minute": None, "secrets": [AEP_SECRET]})
        base = PipelineRunner(
            self.url,
            Lake(f"file://{self.folder}/none"),
            base_pipeline(),
            aep_connection={"password": AEP_SECRET},
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
        """Clear all faults and settings of a case."""
        self.s3.calm()
        self._ask("DELETE", "/faults")
        self._ask("POST", "/aep/settings", json={**self.settings, "next_batches": []})
        self._ask("POST", "/clock", json={"reset": True})

    def scenario(
        self,
        name: str,
        lake: LakeKind = "disk",
        like: Scenario | None = None,
        *,
        tagged: bool = True,
        **changes: Any,
    ) -> Scenario:
        return Scenario(self, name, lake, like, tagged=tagged, **changes)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.session.request(method, f"{self.url}/_sandbox{path}", timeout=30, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()
