"""Setup: plan all changes that a pipeline needs in AEP, show the plan, and execute exactly that plan.

``read_state`` reads AEP, ``plan_setup`` is a pure function of state and requirements, ``apply_plan`` executes the plan.
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
