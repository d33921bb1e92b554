"""Forget: a person's rows are removed from the lake, and their ids are put on the suppression list."""

from include.steps.forget.people import GivenIds, Person
from include.steps.forget.run import ForgetPlan, Forgetting, Forgotten

__all__ = ["ForgetPlan", "Forgetting", "Forgotten", "GivenIds", "Person"]
