"""Finds the lake of a pipeline from the settings of Airflow, and checks that all workers use the same lake."""

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
"""The Airflow variable that is ``yes`` if the lake's folder is the same on every machine (a network file system).

The environment variable ``MIXPANEL_AEP_LAKE_SHARED`` has the same meaning.
"""
_ONE_MACHINE = {"LocalExecutor", "SequentialExecutor"}


def open_lake(pipeline: Pipeline, clock: Clock = SYSTEM_CLOCK) -> Lake:
    """Open the lake of a pipeline.

    Its address is the first of these settings that is set: ``lake`` of the pipeline file, the Airflow variable
    ``mixpanel_aep_lake``, the default lake of the environment.

    Raises:
        SettingsUnavailable: Airflow could not report whether the variable is set. The default lake is not used then.
        ConfigError: the deployment does not allow the lake, a signing key is invalid, or the lake is a folder although
            the executor may run tasks on several machines.
    """
    lake = Lake(lake_url(pipeline, clock), lake_signing_keys(clock))
    if lake.root is not None:
        require_shared(lake.url, clock)
    return lake


def lake_url(pipeline: Pipeline, clock: Clock = SYSTEM_CLOCK) -> str:
    """Return the address of the pipeline's lake, from the settings that :func:`open_lake` lists.

    Raises:
        SettingsUnavailable: Airflow could not report whether the variable is set.
        ConfigError: the deployment does not allow the lake.
    """
    from_airflow_variable = None if pipeline.lake else read_variable(LAKE_VARIABLE, clock)
    url = pipeline.lake or from_airflow_variable or default_lake()
    require_allowed_lake(url, from_airflow_variable=from_airflow_variable is not None)
    return url


def lake_signing_keys(clock: Clock = SYSTEM_CLOCK) -> SigningKeys | None:
    """Return the keys that sign the lake's records, or None if none are set. They are masked in all later logs.

    If the environment variable ``MIXPANEL_AEP_LAKE_SECRET`` is set, the Airflow variable is not read.

    Raises:
        SettingsUnavailable: Airflow could not report whether the variable is set.
        ConfigError: a key is invalid.
    """
    text = os.environ.get(SIGNING_KEYS_ENVIRONMENT) or read_variable(SIGNING_KEYS_VARIABLE, clock)
    for part in re.split(r"[,\s]+", text or ""):
        if part:
            mask_secret(part)
    return SigningKeys.parse(text)


def require_shared(url: str, clock: Clock = SYSTEM_CLOCK) -> None:
    """Check that all tasks see the same folder: they run on one machine, or a setting says that the folder is shared.

    Args:
        url: the address of the lake, which is a folder.
        clock: the clock for the waits between attempts to read the setting.

    Raises:
        ConfigError: the folder may differ between machines; the message names the executor.
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
    """Return the class names of the executors that may run tasks on several machines.

    ``setting``: the value of ``[core] executor``. It contains one or several executors, each as a class name, as a
    module path, or with an alias (``alias:path``), possibly for teams (``team=One,Two;Three``). An unknown executor is
    included, because it may run tasks on any machine.
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
