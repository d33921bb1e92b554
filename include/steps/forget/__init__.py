"""Forget: removes a person's rows from the lake, and puts their ids on the suppression list."""

from include.steps.forget.people import GivenIds, Person
from include.steps.forget.run import ForgetPlan, Forgetting, Forgotten

__all__ = ["ForgetPlan", "Forgetting", "Forgotten", "GivenIds", "Person"]
