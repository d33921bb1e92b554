"""Setup creates what a pipeline needs in AEP: namespaces, field group, schema, identities and dataset.

``read_state`` reads AEP's current state, ``plan_setup`` computes the missing changes from it and from the pipeline's
files, and ``apply_plan`` executes exactly the changes of the plan, which a user can see before.
"""

from __future__ import annotations

from include.aep.setup.apply import SetupResult, apply_plan, plan_pipeline, setup_pipeline
from include.aep.setup.changes import Change
from include.aep.setup.field_group import read_field_group
from include.aep.setup.plan import Plan, plan_setup
from include.aep.setup.requirements import SetupRequirements
from include.aep.setup.state import AepState, read_state

__all__ = [
    "AepState",
    "Change",
    "Plan",
    "SetupRequirements",
    "SetupResult",
    "apply_plan",
    "plan_pipeline",
    "plan_setup",
    "read_field_group",
    "read_state",
    "setup_pipeline",
]
