"""List the work outside the lake that remains after a person was forgotten. No sentence contains an id."""

from __future__ import annotations

from collections.abc import Iterator

from include.lake.lake import Lake
from include.plural import counted
from include.steps.forget.run import ForgetPlan, Forgetting

GRACE_HOURS = 18
"""Longer than the longest task of a DAG (12 hours)."""


def remaining_work(forgetting: Forgetting, plan: ForgetPlan) -> Iterator[tuple[str, str]]:
    """Yield the remaining work as pairs: the system where it has to be done, and a sentence that describes it.

    Source for AEP and Mixpanel: EP:hygiene/api/workorder.md, EP:privacy-service/api/privacy-jobs.md,
    MD:reference/gdpr-api.mdx.
    """
    pipeline = forgetting.pipeline
    namespaces = ", ".join(sorted({each.namespace for each in pipeline.identities.values()}))
    yield (
        "Mixpanel",
        "request the deletion of these distinct_ids (GDPR API, data-deletions/v3.0, with the OAuth token of an owner or "
        "admin of the project). Until Mixpanel has deleted them, exports return them, and the pipeline drops them.",
    )
    yield (
        "AEP",
        f"delete these ids in dataset {pipeline.aep.dataset!r}, in the namespaces {namespaces}. Use Privacy Service for a "
        "request of the person, otherwise a record delete of Data Lifecycle. A record delete finds a row by its primary "
        "identity only, so include the device ids. mixpanel-aep verify counts the rows that are not deleted yet.",
    )
    yield (
        "lake",
        f"run this command again, without ids, in {GRACE_HOURS} hours: a task that started before may still store rows.",
    )
    if forgetting.lake.root is None:
        yield (
            "bucket",
            "versions, soft-deleted objects, replicas and backups of the bucket still contain the removed files, until a "
            "lifecycle rule of the bucket removes them.",
        )
    else:
        yield "backups", "copies and snapshots of the lake's folder still contain the removed files."
    yield (
        "Airflow",
        "nothing: logs, XCom and the database hold no rows. Files with the output of preview or discover stay where "
        "they were saved.",
    )
    yield from _warnings(forgetting.lake, plan)


def _warnings(lake: Lake, plan: ForgetPlan) -> Iterator[tuple[str, str]]:
    if plan.person.shared:
        yield (
            "devices",
            f"other people also use {counted(len(plan.person.shared), 'device')} of this person. Events there with a user id of another "
            "person stay, and so do events without a user id. To forget the latter, name a device with --device-id.",
        )
    mentions = sum(each.mentions for each in plan.days)
    if mentions:
        yield (
            "mentions",
            f"{counted(mentions, 'event')} of other people with one of the ids in another property: not removed.",
        )
    if plan.without_raw:
        yield (
            "days",
            f"the ids seen on {counted(plan.without_raw, 'day')} are unknown: the raw events are not in the lake. If the person "
            "has other ids there, give them as well.",
        )
    if lake.signing_keys is None:
        yield (
            "key",
            "the lake has no key, so a reader of the lake who knows an id can test whether it was forgotten "
            "(docs/security.md).",
        )
