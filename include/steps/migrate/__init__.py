"""Migrate: create a pipeline from a dataflow of Adobe's own Mixpanel source, and find the day on which to switch.

1. ``dataflow``: reads the dataflow, its connections, its mapping set and its runs from AEP.
2. ``switch``: finds the first day that the pipeline loads, so that no day is missing or loaded twice.
3. ``files``: creates the pipeline file and the mapping file.
4. ``differences``: lists what will be different, and what a person has to decide or to do.
"""

from include.steps.migrate.dataflow import Dataflow, read_dataflow
from include.steps.migrate.differences import Difference
from include.steps.migrate.files import MigrationOptions
from include.steps.migrate.run import Migration, migrate_dataflow
from include.steps.migrate.switch import Switch

__all__ = [
    "Dataflow",
    "Difference",
    "Migration",
    "MigrationOptions",
    "Switch",
    "migrate_dataflow",
    "read_dataflow",
]
