"""The client of Adobe Experience Platform, which gives access to the services of one AEP sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from include.aep.batch_diagnostics import BatchDiagnostics
from include.aep.batches import Batches
from include.aep.catalog import Catalog
from include.aep.data_lake import DataAccessReader, DataLakeReader, QueryServiceReader
from include.aep.data_lake.query_connection import QueryConnection, QueryLimits
from include.aep.data_lake.query_login import logins
from include.aep.flows import Flows
from include.aep.http import AepHttp
from include.aep.identity_service import IdentityService
from include.aep.schema_registry import SchemaRegistry
from include.aep.settings import AepSettings
from include.aep.token_source import TokenSource
from include.aep.upload import UploadLimits
from include.clock import SYSTEM_CLOCK, Clock
from include.http.request import RetryPolicy


class AepClient:
    """Gives access to AEP's services, with the credential, organization and AEP sandbox of a connection.

    It is not thread-safe. ``on_secret`` is called with every bearer token before it is used, so that the caller can
    mask it in logs.

    Attributes:
        org_id: the organization of the connection.
        aep_sandbox: the name of the AEP sandbox of the connection.
        registry: the Schema Registry.
        catalog: the Catalog Service: datasets and batches.
        identity: the identity namespaces.
        diagnostics: the refused rows of batches.
        flows: the dataflows of Adobe's Mixpanel source.
        batches: the creation, upload and completion of batches.
    """

    def __init__(
        self,
        settings: AepSettings,
        clock: Clock = SYSTEM_CLOCK,
        *,
        on_secret: Callable[[str], None] | None = None,
        retry_policy: RetryPolicy | None = None,
        limits: UploadLimits | None = None,
    ) -> None:
        self.org_id, self.aep_sandbox = settings.org_id, settings.aep_sandbox

        self._settings = settings
        self._clock = clock
        self._tokens = TokenSource(settings, clock, on_secret, retry_policy)
        self._http = AepHttp(settings, self._tokens, clock, retry_policy)
        self.registry = SchemaRegistry(self._http)
        self.catalog = Catalog(self._http)
        self.identity = IdentityService(self._http)
        self.diagnostics = BatchDiagnostics(self._http)
        self.flows = Flows(self._http)
        self.batches = Batches(self._http, self.catalog, self.diagnostics, clock, limits)

    def lake_reader(
        self,
        reader: Literal["query_service", "data_access"] = "query_service",
        limits: QueryLimits | None = None,
    ) -> DataLakeReader:
        """Return a reader of the rows in AEP's data lake, for use in a ``with`` block; it connects at its first query.

        ``reader``: the service to read from, as in ``verify.reader`` of the pipeline file. ``limits``: for Query
        Service.
        """
        if reader == "data_access":
            return DataAccessReader(self._http, self.catalog.active_batch_ids)
        connection = QueryConnection(
            lambda: logins(self._settings, self._http, self._tokens), self._clock, limits
        )
        return QueryServiceReader(connection)

    def close(self) -> None:
        """Close the connections to AEP and to Adobe's identity service."""
        self._tokens.close()
        self._http.close()
