"""Finds the lake of a pipeline in this Airflow, and checks that every task can reach the same one."""

from __future__ import annotations

import os
import re

from airflow.configuration import conf
from airflow.sdk.log import mask_secret

from include.clock import SYSTEM_CLOCK, Clock
from include.config.model import Pipeline
from include.errors import ConfigError
from include.lake.allowed_lakes import require_allowed_lake
from include.lake.lake import Lake, default_lake
from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT, SIGNING_KEYS_VARIABLE, SigningKeys
from mixpanel_aep.airflow_lookup import read_variable

LAKE_VARIABLE = "mixpanel_aep_lake"
SHARED_VARIABLE = "mixpanel_aep_lake_shared"
"""``yes``: the lake's folder is the same on every machine. Also the environment variable ``MIXPANEL_AEP_LAKE_SHARED``."""
_ONE_MACHINE = {"LocalExecutor", "SequentialExecutor"}


def open_lake(pipeline: Pipeline, clock: Clock = SYSTEM_CLOCK) -> Lake:
    """Return the pipeline's lake: of its file, else of the Airflow variable, else ``default_lake()``.

    Raises:
        SettingsUnavailable: Airflow could not report whether the variable is set; the default is not used then.
        ConfigError: the deployment does not allow this lake, or it is a folder and the executor may run tasks on
            several machines.
    """
    lake = Lake(lake_url(pipeline, clock), lake_signing_keys(clock))
    if lake.root is not None:
        require_shared(lake.url, clock)
    return lake


def lake_url(pipeline: Pipeline, clock: Clock = SYSTEM_CLOCK) -> str:
    """Return the URL of the pipeline's lake; the command line looks in the same places in the same order.

    Raises:
        SettingsUnavailable: Airflow could not report whether the variable is set.
        ConfigError: the deployment does not allow this lake.
    """
    from_airflow_variable = None if pipeline.lake else read_variable(LAKE_VARIABLE, clock)
    url = pipeline.lake or from_airflow_variable or default_lake()
    require_allowed_lake(url, from_airflow_variable=from_airflow_variable is not None)
    return url


def lake_signing_keys(clock: Clock = SYSTEM_CLOCK) -> SigningKeys | None:
    """Return the keys that sign the lake's records, masked in every log from here on; None without keys.

    Keys of the environment come first: a variable of the same name cannot add a key to them.

    Raises:
        SettingsUnavailable: Airflow could not report whether the variable is set.
        ConfigError: a key is too short, or has another encoding.
    """
    text = os.environ.get(SIGNING_KEYS_ENVIRONMENT) or read_variable(SIGNING_KEYS_VARIABLE, clock)
    for part in re.split(r"[,\s]+", text or ""):
        if part:
            mask_secret(part)
    return SigningKeys.parse(text)


def require_shared(url: str, clock: Clock = SYSTEM_CLOCK) -> None:
    """Refuse a folder lake if tasks may run on several machines, unless a setting states that the folder is shared.

    Raises:
        ConfigError: naming the executor.
    """
    elsewhere = distributed_executors(conf.get("core", "executor"))
    if not elsewhere or _is_yes(os.environ.get("MIXPANEL_AEP_LAKE_SHARED")):
        return
    if _is_yes(read_variable(SHARED_VARIABLE, clock)):
        return
    raise ConfigError(
        f"The lake {url} is a folder of one machine, but the executor {', '.join(elsewhere)} may run tasks on several.",
        f"Set the Airflow variable {LAKE_VARIABLE} to a bucket (s3://, gs://, az://). If the folder is the same on "
        f"every machine, set the variable {SHARED_VARIABLE} or the environment variable MIXPANEL_AEP_LAKE_SHARED to yes.",
    )


def distributed_executors(setting: str) -> list[str]:
    """Return the executors of ``[core] executor`` that may run tasks on several machines, by their class names.

    The setting holds one or several, as class name, as module path, with an alias (``alias:path``) or for teams
    (``team=One,Two;Three``). An unknown one counts, because it may run tasks anywhere.
    """
    found = []
    for entry in re.split(r"[,;]", setting):
        parts = [part.strip() for part in entry.rpartition("=")[2].split(":") if part.strip()]
        paths = [part for part in parts if "." in part] or parts  # an alias has no dot and is irrelevant
        names = [path.rpartition(".")[2] for path in paths]
        if names and not _ONE_MACHINE & set(names):
            found.append(names[0])
    return found


def _is_yes(text: str | None) -> bool:
    return (text or "").strip().lower() in ("yes", "true", "1")
