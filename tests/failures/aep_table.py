"""What Adobe documents of batch ingestion, its gateway and its identity service, and the outcome for the day.

``<chapter>/<case>``. Sources: ``EP`` experienceleague.adobe.com, Experience Platform; ``API`` the OpenAPI files of
AdobeDocs/experience-platform-apis; ``KB`` Adobe's knowledge base.
"""

from __future__ import annotations

from typing import Any

from include.aep.upload import UploadLimits
from include.errors import (
    BatchFailed,
    BatchUnconfirmed,
    CountMismatch,
    CredentialsRejected,
    IdentityServiceUnavailable,
    PayloadTooLarge,
    RequestRefused,
    ServiceUnavailable,
    Throttled,
)
from tests.failures.aep_failure import AepFailure as Row
from tests.failures.aep_failure import at, becomes, control, later
from tests.failures.failure import CANARY_BODY, CANARY_ROW, Elsewhere, Json, NotOurs, answer, drop, html

NUMBERS = ("gateway", "ims", "status", "code", "counts", "upload", "chunks", "question", "person", "replay", "conversion",
           "diagnostics", "partial", "guardrail", "pages", "twice")  # fmt: skip
STATUSES = ("loading", "loaded", "staging", "staged", "processing", "queued", "retrying", "stalled", "success", "active", "failed",
            "failure", "aborted", "abandoned", "inactive", "deleted", "archived", "retained")  # fmt: skip
CODES = ("106", "118", "133", "140", "200", "400", "1401", "INGEST-1401-400", "INGEST-1211-400", "INGEST-1212-400", "INGEST-1554-400",
         "INGEST-1555-400", "MAPPER-3700-400", "CONNECTOR-1001-500", "CONNECTOR-2001-500", "CONNECTOR-3001-500",
         "DCVS-1101-400")  # fmt: skip

_GATEWAY, _IMS = "EP:landing/troubleshooting.md", "developer.adobe.com, server-to-server authentication"
_STATES, _API = "EP:ingestion/batch-ingestion/troubleshooting.md", "API:batch-ingestion.yaml"
_SMALL = UploadLimits(chunk_from_bytes=1000, chunk_bytes=6000)
_GOOD = (
    b'{"_id":"%d","timestamp":"2026-07-01T12:00:00Z","_acmesandbox":{"mixpanel":{"unmapped":"'
    + CANARY_ROW.encode()
    + b'"}}}'
)
_ALL = ("claimed", "created", "completing", "active")


def _gateway(status: int, code: str, message: str) -> Json:
    return at(
        "dataset", answer(status, None, body_json={"error_code": code, "message": f"{message} {CANARY_BODY}"})
    )


def _ends(outcome: str, **more: Any) -> tuple[Json, ...]:
    return ({"outcome": outcome, **more},)


def _failed(*codes: str) -> tuple[Json, ...]:
    return _ends("failed", errors=[{"code": code, "description": CANARY_BODY, "rows": []} for code in codes])


def _problem(title: str) -> Json:
    return {"type": "/x", "status": 400, "title": title, "detail": CANARY_BODY}


ROWS: tuple[Row | Elsewhere | NotOurs, ...] = (
    *(Row(f"gateway/{code}", _GATEWAY, (_gateway(status, code, message),), (CredentialsRejected,), succeeds=False, says=says,
          requests={"dataset": count}, active=0)
      for status, code, message, says, count in (
          (403, "403010", "Oauth token is missing.", "arrived without the token .*Check for a proxy", 1),
          (401, "401013", "Oauth token is not valid", "also after a refresh", 2),
          (403, "403000", "Api Key is required", r"client id of connection aep_default .*\(HTTP 403, code 403000\)", 1),
          (403, "403003", "Api Key is invalid", r"client id .*403003.*Developer Console", 1),
          (403, "403025", "Profile is not valid", "org_id .*AEP-Default-All-Users", 1))),
    Row("gateway/400003", _GATEWAY, (_gateway(400, "400003", "Missing header"),), (RequestRefused,), succeeds=False,
        says="org_id and aep_sandbox", active=0),
    Row("gateway/BadRequestError", _GATEWAY, (at("create", answer(400, None, body_json=_problem("BadRequestError"))),),
        (RequestRefused,), succeeds=False, says="HTTP 400, code BadRequestError", active=0, requests={"create": 1}),

    *(Row(f"ims/{error}", _IMS, (at("token", answer(status, None, body_json={"error": error, "error_description": CANARY_BODY})),),
          (CredentialsRejected,), succeeds=False, says="client id.*client secret.*scopes", requests={"token": 1}, active=0)
      for status, error in ((400, "invalid_client"), (401, "invalid_client_2"), (400, "invalid_scope"), (403, "access_denied"))),
    Row("ims/wrong secret", _IMS, connection={"password": "canary-secret-adobe-old"}, raises=(CredentialsRejected,), succeeds=False,
        says="secret may have been replaced", active=0),
    Row("ims/wrong client", _IMS, connection={"login": "nobody"}, raises=(CredentialsRejected,), succeeds=False, active=0),
    Row("ims/throttled", _IMS, settings={"throttle_tokens": 2}, waits=(2, 2)),
    Row("ims/throttled for long", _IMS, settings={"throttle_tokens": 9}, raises=(Throttled,), says="valid for 24 hours", waits=(5, 60)),
    Row("ims/slow", _IMS, (at("token", {"action": {"do": "delay", "delay_seconds": 1.2}}),), idle_seconds=0.6, requests={"token": 2}),
    Row("ims/page", _IMS, (at("token", html(None)),), (IdentityServiceUnavailable,), succeeds=False, requests={"token": 6},
        says="returned a response without a token", active=0),
    Row("ims/expired", _IMS, (at("token", answer(200, body_json={"access_token": "canary-secret-adobe", "expires_in": 0})),),
        waits=(2, 7)),
    Row("ims/ended early", _IMS, (at("upload", answer(401, body_json={"error_code": "401013"})),),
        requests={"token": 2, "upload": 2, "create": 1}, ledger=_ALL),
    Row("ims/ended before COMPLETE", _IMS, (at("complete", answer(401, body_json={"error_code": "401013"})),),
        requests={"token": 2, "complete": 2, "create": 1}, ledger=_ALL),

    *(Row(f"status/{word}", _STATES, next_batches=_ends("status", status=word), active=0, watching=True,
          requests={"create": 1, "complete": 1}, ledger=_ALL[:3])
      for word in ("loaded", "staging", "staged", "processing", "queued", "retrying", "stalled", "preparing", "SUCCESSFUL")),
    Row("status/loading", _STATES, next_batches=_ends("status", status="loading"), active=0, watching=True, requests={"create": 1}),
    *(Row(f"status/{word}", _STATES, settings={"active_status": word}, requests={"create": 1}, ledger=_ALL)
      for word in ("success", "active")),
    Row("status/failed", _STATES, next_batches=_ends("failed"), raises=(BatchFailed,), succeeds=False, active=0, cleared=8,
        says="AEP refused batch .* of partition 2026-07-01: error code 500", ledger=(*_ALL[:3], "failed")),
    Row("status/failure", _STATES, next_batches=_ends("status", status="failure"), raises=(BatchFailed,), succeeds=False, active=0,
        says="AEP reports no reason", ledger=(*_ALL[:3], "failed")),
    *(Row(f"status/{word}", _STATES, settings={"batch_seconds": 30}, between_polls=(becomes(word), later(1), later(60)),
          requests={"create": 2}, ledger=(*_ALL[:3], *_ALL))
      for word in ("aborted", "abandoned", "inactive", "deleted", "archived", "retained")),
    Row("status/by other names", _STATES, settings={"failed_status": "failure", "metrics_of_failed": "hidden"}, raises=(BatchFailed,),
        next_batches=_failed("1401"), succeeds=False, active=0, cleared=8, says="rows cannot be parsed"),
    Row("status/on its way", _STATES, between_polls=(later(1), later(10), later(10), later(30)), requests={"create": 1}, ledger=_ALL,
        settings={"batch_seconds": 40, "batch_path": ["queued", "loaded", "staging", "processing", "retrying", "staged"]}),
    Row("status/retrying, then success", _STATES, next_batches=_ends("retrying", seconds=60), between_polls=(later(1), later(60)),
        requests={"create": 1}, ledger=_ALL),
    Row("status/stalled, then success", _STATES, next_batches=_ends("stalled", seconds=60), between_polls=(later(1), later(60)),
        requests={"create": 1}, ledger=_ALL),
    Row("status/unknown to the catalog for a while", _STATES, settings={"catalog_lag_seconds": 60}, between_polls=(later(1),),
        raises=(BatchUnconfirmed,), succeeds=False, requests={"create": 1}, by_hand=(later(60),), cleared=8, says="ledger release"),
    Row("status/unknown to the catalog for ever", _STATES, between_polls=(control("/aep/batches/{batch}", vanished=True),),
        settings={"batch_seconds": 30}, raises=(BatchUnconfirmed,) * 2, succeeds=False, active=0, requests={"create": 1}, says="ledger release"),
    Row("status/404 between two polls", _STATES, (at("poll", answer(404)),), requests={"create": 1}, ledger=_ALL),
    Row("status/of another type", _STATES, (at("poll", answer(200, body_json={"x": {}})),), requests={"create": 1}),
    Row("status/failed, then success", _STATES, next_batches=_ends("status", status="failed", seconds=60), raises=(BatchFailed,),
        succeeds=False, active=0, by_hand=(later(61),), cleared=8, says="no reason"),

    *(Row(f"code/{code}", _STATES, next_batches=_failed(code), raises=(BatchFailed,), succeeds=False, active=0, cleared=8,
          says=rf": (error code )?{code}\b.*\. None of the batch's rows are visible", requests={"create": 1}) for code in CODES if code != "140"),
    Row("code/140", "KB:ka-26349", next_batches=_failed("140"), raises=(BatchFailed,), succeeds=False, active=0, cleared=0,
        says="140: AEP considers it a duplicate.*under another batch", requests={"create": 1}, ledger=_ALL[:3]),
    Row("code/a batch too large", "EP:ingestion/guardrails.md", settings={"most_batch_bytes": 100},
        raises=(BatchFailed,), succeeds=False, active=0),
    Row("code/several", _STATES, next_batches=_failed("106", "INGEST-1555-400"), raises=(BatchFailed,), succeeds=False, active=0,
        says="106: a file is empty; INGEST-1555-400: a required field"),
    Row("code/no code", _STATES, next_batches=_ends("failed", errors=[{"description": CANARY_BODY}]), raises=(BatchFailed,),
        succeeds=False, active=0, says="unknown code"),
    Row("code/no errors", _STATES, next_batches=_ends("failed", errors=[]), raises=(BatchFailed,), succeeds=False, active=0),

    Row("counts/success with failed rows", "EP:ingestion/quality", next_batches=_ends("partial", rows=2), raises=(CountMismatch,),
        succeeds=False, active=6, by_hand=(becomes("inactive"),), cleared=8, ledger=_ALL[:3],
        says="succeeded with 6 rows and 2 failed ones, but 8 were staged .*revert the batch"),
    Row("counts/success with rows lost", "EP:ingestion/quality", next_batches=_ends("partial", rows=1, silent=True),
        raises=(CountMismatch,), succeeds=False, active=7, by_hand=(becomes("inactive"),), cleared=8,
        says="succeeded with 7 rows and 0 failed ones, but 8 were staged"),
    Elsewhere("counts/not yet", _STATES, "test_a_success_without_counts_is_polled_again"),

    Row("upload/413", _API, settings={"small_file_bytes": 2000}, requests={"upload": 1, "begin": 1, "finish": 1},
        limits=UploadLimits(chunk_bytes=1500)),
    Row("upload/415", _API, (at("upload", answer(415, None)),), (RequestRefused,), succeeds=False, active=0,
        says=r"upload a file \(HTTP 415\)", requests={"upload": 1, "complete": 0}),
    Row("upload/414", _API, (at("upload", answer(414, None)),), (RequestRefused,), succeeds=False, active=0),
    Row("upload/a lost answer", _API, (at("upload", drop(3, after=True)),), requests={"upload": 4, "create": 1}),
    Row("upload/cut off for ever", _API, (at("upload", drop(None)),), (ServiceUnavailable,) * 2, succeeds=False, active=0,
        says="could not be reached to upload a file", requests={"upload": 12, "create": 1}),

    Row("chunks/all", _API, limits=_SMALL, requests={"upload": 0, "begin": 1, "finish": 1, "ranges": 0}),
    *(Row(f"chunks/{route} fails once", _API, (at(route, answer(500)),), limits=_SMALL, requests={"create": 1}, waits=(2, 7))
      for route in ("begin", "chunk", "finish")),
    *(Row(f"chunks/{route} answers a page", _API, (at(route, html()),), limits=_SMALL, requests={"create": 1}, waits=(2, 7))
      for route in ("begin", "chunk", "finish")),
    *(Row(f"chunks/{route} busy", _API, (at(route, answer(429, 2, retry_after=4)),), limits=_SMALL, waits=(8, 8))
      for route in ("begin", "chunk", "finish")),
    Row("chunks/answered with 200", _API, limits=_SMALL, settings={"complete_file_status": 200}, requests={"finish": 1}),
    Row("chunks/a lost answer", _API, (at("chunk", drop(after=True)),), limits=_SMALL, requests={"ranges": 1, "begin": 1}),
    Row("chunks/a lost chunk", _API, (at("chunk", drop()),), limits=_SMALL, requests={"ranges": 1, "begin": 1}),
    Row("chunks/a chunk that was never there", _API, (at("chunk", answer(200, body="")),), limits=_SMALL,
        requests={"begin": 2, "finish": 2}),
    Row("chunks/missing or overlapping", _API, (at("finish", answer(400, body_json=_problem("BadRequestError"))),), limits=_SMALL,
        requests={"begin": 2, "finish": 2}),
    Row("chunks/missing or overlapping for ever", _API, (at("finish", answer(400, None)),), (RequestRefused,), succeeds=False,
        limits=_SMALL, requests={"begin": 2, "finish": 2, "complete": 0}, says="complete the upload of a large file", active=0),
    Row("chunks/too large", _API, (at("chunk", answer(413)),), limits=_SMALL, requests={"begin": 2, "finish": 1}),
    Row("chunks/too large for ever", _API, (at("chunk", answer(413, None)),), (PayloadTooLarge,), succeeds=False, limits=_SMALL,
        requests={"begin": 2, "finish": 0}, active=0),
    Row("chunks/another size", _API, (at("finish", answer(201, body_json={"name": "x", "sizeInBytes": 3})),), limits=_SMALL,
        requests={"begin": 2, "finish": 2}),
    Row("chunks/another token", _API, (at("chunk", answer(401)),), limits=_SMALL, requests={"token": 2, "begin": 1, "create": 1}),

    Row("question/is 200 on COMPLETE active", _STATES, settings={"batch_seconds": 600}, active=0, watching=True, ledger=_ALL[:3]),
    Row("question/may COMPLETE be repeated", _STATES, (at("complete", drop(2, after=True)),), requests={"complete": 3, "create": 1}),
    Row("question/is data visible before COMPLETE", _STATES, (at("complete", drop(None)),), (ServiceUnavailable,) * 3,
        succeeds=False, active=0, requests={"create": 1}, ledger=_ALL[:3]),
    NotOurs("question/which batches have metrics", _STATES, "CSV, which has none, is never sent; counts/not yet is asked again"),
    NotOurs("question/how are batches deleted", _STATES, "the pipeline deletes nothing; batches.revert is the documented way"),

    Elsewhere("person/aborts the batch", _STATES, "test_a_batch_that_is_aborted_during_upload_is_created_again"),
    Row("person/aborts the batch it watches", _STATES, settings={"batch_seconds": 30}, requests={"create": 2},
        between_polls=(becomes("aborted"), later(60), later(60))),
    Elsewhere("person/reverts an active batch", _STATES, "test_a_batch_removed_in_aep_is_loaded_again"),

    Elsewhere("replay", "EP:ingestion/batch-ingestion/api-overview.md", "test_a_changed_mapping_keeps_active_rows_until_the_day_is_replaced"),
    Elsewhere("conversion", "EP:ingestion/batch-ingestion/overview.md",
              "test_the_sandbox_refuses_what_disabled_validation_lets_through"),
    Row("conversion/a text that is not a date", _STATES, lines=(_GOOD % 1, (_GOOD % 2).replace(b"2026-07-01T12", b"noon")), active=0,
        raises=(BatchFailed,), succeeds=False, says="at .*timestamp"),
    Row("diagnostics/a required field", "EP:ingestion/quality/error-diagnostics.md", lines=(_GOOD % 1, b'{"_id":"2"}'), active=0,
        raises=(BatchFailed,), succeeds=False, says="INGEST-1555-400: a required field is missing or null"),
    Row("diagnostics/no JSON", "EP:ingestion/quality/error-diagnostics.md", lines=(_GOOD % 1, b'{"_id":' + CANARY_ROW.encode()),
        active=0, raises=(BatchFailed,), succeeds=False, says="INGEST-1401-400: rows cannot be parsed"),
    *(Row(f"diagnostics/{name}", "API:data-access.yaml", (at("why", fault),), lines=(_GOOD % 1, b'{"_id":"2"}'), active=0,
          raises=(BatchFailed,), succeeds=False, says="INGEST-1555-400")
      for name, fault in {"gone after 30 days": answer(404, None), "down": answer(500, None), "forbidden": answer(403, None),
                          "a page": html(None), "other types": answer(200, None, body_json={"data": [7, {"name": 8}]}),
                          "odd lengths": answer(200, None, body_json={"data": [{"name": "x", "length": "²"}]}),
                          "odd lines": answer(200, None, body='{"data":[]}\n{"_errors":5,"_validationErrors":true}')}.items()),
    Row("partial/one bad row", "EP:ingestion/batch-ingestion/partial.md", lines=(*(_GOOD % n for n in range(99)), b'{"_id":"2"}'),
        raises=(BatchFailed,), succeeds=False, active=0, says="1 row"),
    Row("guardrail/batches a minute", "EP:ingestion/guardrails.md", settings={"batches_per_minute": 0}, raises=(Throttled,),
        succeeds=False, says="2,000 batches a minute", requests={"create": 6}, waits=(300, 300), active=0),
    Row("guardrail/batches a minute, answered with 503", "EP:ingestion/guardrails.md", raises=(ServiceUnavailable,), succeeds=False,
        settings={"batches_per_minute": 0, "overload_status": 503}, requests={"create": 6}, waits=(300, 300), active=0),
    Row("guardrail/bytes an hour", "EP:ingestion/guardrails.md", settings={"bytes_per_hour": 1}, raises=(Throttled,) * 2,
        succeeds=False, says="continues automatically", requests={"create": 1, "upload": 2}, waits=(0, 0), active=0),
    Row("guardrail/2,000 batches a minute", "EP:ingestion/guardrails.md", (at("create", answer(429, 3, retry_after=20)),),
        requests={"create": 4}, waits=(60, 60)),
    Elsewhere("guardrail/25,000 files and 1 TB", "EP:ingestion/guardrails.md",
              "test_more_than_one_batch_may_hold_is_reported_before_a_request"),
    NotOurs("guardrail/10 KB of Profile", "EP:profile/guardrails.md", "Profile drops the event, the data lake keeps it: the counts agree"),
    Row("twice/an externalId must be unique", _API, (at("create", drop(after=True)),), (ServiceUnavailable,),
        settings={"external_ids": "unique", "catalog_lag_seconds": 60}, between_polls=(later(61),), requests={"create": 3}, active=1,
        lines=(_GOOD % 815,)),
    Row("twice/the same content", "EP:collection/event-duplication.md", by_hand=(later(0),), cleared=8, requests={"create": 1},
        ledger=_ALL),
    Elsewhere("pages/of the catalog", "API:catalog.yaml", "test_a_dataset_is_found_by_its_exact_name_on_any_page"),
    Elsewhere("pages/without end", "API:catalog.yaml", "test_a_server_that_ignores_paging_ends_the_listing"),
    Elsewhere("pages/of another type", "API:catalog.yaml", "test_no_malformed_response_is_read_as_an_empty_list"),
    Elsewhere("twice/three runs at once", "EP:collection/event-duplication.md",
              "test_three_crashing_and_overlapping_runs_load_each_id_once"),
)  # fmt: skip
