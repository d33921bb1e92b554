"""A wrong value for every key of a pipeline file, with the message that it gives.

``…`` at the beginning of a message stands for the key and a colon; before it come the file and the key's line.
"""

from __future__ import annotations

from typing import Any

WRONG: dict[str, tuple[Any, str]] = {
    "mixpanel.conn_id": ("a/b", "…String should match pattern '^[A-Za-z0-9_.-]{1,200}$'."),
    "mixpanel.timezone": (
        "Europe/Berlim",
        "…'Europe/Berlim' is not a time zone; did you mean 'Europe/Berlin'?",
    ),
    "mixpanel.time_is": ("local", "…Input should be 'utc' or 'project_local'."),
    "mixpanel.events": ("Purchase", "…write a list such as [first, second]."),
    "mixpanel.where": (["a"], "…Input should be a valid string."),
    "mixpanel.backfill_window_days": (0, "…Input should be greater than or equal to 1."),
    "mixpanel.time_in_ms": ("sometimes", "…Input should be a valid boolean, unable to interpret input."),
    "aep.conn_id": ("my aep", "…String should match pattern '^[A-Za-z0-9_.-]{1,200}$'."),
    "aep.dataset": ("", "…write a text that is not empty."),
    "aep.schema": (None, "…Input should be a valid string."),
    "aep.field_groups": ("Web Details", "…write a list such as [first, second]."),
    "aep.field_group": ("../shop.json", "…write the name of a .json file in include/pipelines/field_groups."),
    "aep.profile": ("maybe", "…Input should be a valid boolean, unable to interpret input."),
    "aep.primary_identity": (
        "email",
        "aep.primary_identity 'email' is not an entry of identities; the entries are $user_id.",
    ),
    "aep.formerly": (["shop"], "…Input should be a valid string."),
    "aep.new_namespaces": ("MixpanelUser", "…write a list such as [first, second]."),
    "aep.format": ("csv", "…Input should be 'parquet' or 'json'."),
    "aep.error_threshold_percent": (
        "5%",
        "…AEP's error threshold is a percentage from 0 to 100; write it without a percent sign.",
    ),
    "mapping": ("shop.yaml", "…write the name of a .json or .csv file in include/pipelines/mappings."),
    "unmapped": ("ignore", "…Input should be 'keep', 'drop' or 'fail'."),
    "identities": ({}, "…write at least one entry."),
    "identities.<property>.namespace": (
        "Mixpanel User",
        "…namespace code 'Mixpanel User' may contain only letters and digits.",
    ),
    "identities.<property>.value": (["lower(email)"], "…Input should be a valid string."),
    "identities.<property>.authenticated_state": (None, "…Input should be a valid string."),
    "identity_placeholders.defaults": (
        "ours",
        "…Input should be a valid boolean, unable to interpret input.",
    ),
    "identity_placeholders.values": ("undefined", "…write a list such as [first, second]."),
    "identity_placeholders.allow": ("undefined", "…write a list such as [first, second]."),
    "quality.max_quarantined": (5, '…write a share like "0.5%" or 0.005, from 0% to 100%.'),
    "quality.max_removed": ("150%", '…write a share like "0.5%" or 0.005, from 0% to 100%.'),
    "quality.allow_empty": ("sometimes", "…Input should be a valid boolean, unable to interpret input."),
    "quality.history_days": (365, "…Input should be less than or equal to 90."),
    "quality.severity": (
        {"in_the_past": "fatal"},
        "quality.severity.in_the_past: Input should be 'critical' or 'warning'.",
    ),
    "quality.show_values": ("masked", "…Input should be a valid boolean, unable to interpret input."),
    "start_date": (
        "2026-02-30",
        "…Input should be a valid date or datetime, day value is outside expected range.",
    ),
    "end_date": ("2025-12-31", "end_date 2025-12-31 is before start_date 2026-01-01."),
    "settle_hours": (-1, "…Input should be greater than or equal to 0."),
    "late_days": (90, "…Input should be less than or equal to 60."),
    "missing_grace_hours": ("a day", "…Input should be a valid number."),
    "catch_up_days": (-1, "…Input should be greater than or equal to 0."),
    "shard_events": (999, "…Input should be greater than or equal to 1000."),
    "verify.schedule": ("0 25 * * 0", "…'25' is not a valid hour in a cron expression."),
    "verify.budget_seconds": (0, "…Input should be greater than or equal to 1."),
    "verify.reader": ("athena", "…Input should be 'query_service' or 'data_access'."),
    "retention.superseded_days": (0, "…Input should be greater than or equal to 1."),
    "retention.raw_days": (
        "30 days",
        "…Input should be a valid integer.",
    ),
    "retention.quarantine_days": (0, "…Input should be greater than or equal to 1."),
    "retention.report_days": (-7, "…Input should be greater than or equal to 1."),
    "lake": (["s3://bucket"], "…Input should be a valid string."),
    "airflow.owner": ("", "…write a text that is not empty."),
    "airflow.tags": ("finance", "…write a list such as [first, second]."),
    "airflow.schedule": ("0 6 * * *", "…write daily or null; settle_hours decides when a day is exported."),
    "airflow.reconcile_schedule": (
        "@daily",
        "…a schedule is a cron expression of five fields such as '0 12 * * 0'; or write after_settling or null.",
    ),
    "airflow.max_active_runs": (0, "…Input should be greater than or equal to 1."),
    "airflow.retries": (-1, "…Input should be greater than or equal to 0."),
    "airflow.retry_delay_seconds": (
        "1 minute",
        "…Input should be a valid integer.",
    ),
    "airflow.max_retry_delay_seconds": (0, "…Input should be greater than or equal to 1."),
    "airflow.priority": (0, "…Input should be greater than or equal to 1."),
    "airflow.tasks": (
        {"load": {"retries": 1}},
        "has an unknown key 'airflow.tasks.load'; the valid keys are 'export', 'transform', 'shards', 'validate_shard', 'validate', 'stage', 'ingest', 'refresh', 'day', 'close', 'audit', 'clean', 'alerts', 'finish', 'verify', 'setup' or 'start'.",
    ),
    "airflow.tasks.<task>.retries": (
        True,
        "…Input should be a valid integer.",
    ),
    "airflow.tasks.<task>.retry_delay_seconds": (0, "…Input should be greater than or equal to 1."),
    "airflow.tasks.<task>.max_retry_delay_seconds": (0, "…Input should be greater than or equal to 1."),
    "airflow.tasks.<task>.timeout_hours": (1e-12, "…Input should be greater than or equal to 0.0001."),
    "airflow.tasks.<task>.pool": ("my pool", "…write the name of a pool in Airflow."),
    "airflow.tasks.<task>.priority": (
        1.5,
        "…Input should be a valid integer.",
    ),
    "airflow.tasks.<task>.queue": (
        " large",
        "…write a name without line breaks, and without spaces around it.",
    ),
    "airflow.tasks.<task>.cpu": ("two", "…write a number of CPUs such as 500m or 2."),
    "airflow.tasks.<task>.memory": ("2GB", "…write an amount of memory such as 512Mi or 2Gi."),
    "airflow.tasks.<task>.max_cpu": ("0", "…write a number of CPUs such as 500m or 2."),
    "airflow.tasks.<task>.max_memory": ("2048", "…write an amount of memory such as 512Mi or 2Gi."),
    "alerts.notifiers.class": (
        "Notifier",
        "…write the path of a notifier's class, such as airflow.providers.smtp.notifications.smtp.SmtpNotifier.",
    ),
    "alerts.notifiers.kwargs": (
        {"token": "a"},
        "…'token' may contain a secret; store it in an Airflow connection, and name the connection here.",
    ),
    "alerts.notifiers.kinds": (
        ["red"],
        "alerts.notifiers.0.kinds.0: Input should be 'failed', 'late', 'quarantine', 'volume', 'properties', 'credentials', 'missing' or 'refresh'.",
    ),
    "alerts.late_after_hours": (-1, "…Input should be greater than or equal to 0."),
    "alerts.max_quarantined": (5, '…write a share like "0.5%" or 0.005, from 0% to 100%.'),
    "alerts.volume_factor": (1, "…Input should be greater than 1."),
    "alerts.new_properties": ("some", "…Input should be a valid boolean, unable to interpret input."),
    "alerts.max_late": ("150%", '…write a share like "0.5%" or 0.005, from 0% to 100%.'),
    "alerts.max_vanished": (-0.1, '…write a share like "0.5%" or 0.005, from 0% to 100%.'),
    "alerts.credentials": (
        {"Mixpanel account": "soon"},
        "alerts.credentials.Mixpanel account: Input should be a valid date or datetime, input is too short.",
    ),
    "alerts.credentials_days": (0, "…Input should be greater than or equal to 1."),
}
