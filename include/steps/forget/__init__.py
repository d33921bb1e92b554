"""Remove people's rows from the lake, and put their ids on a suppression list, which every later export applies."""

from include.steps.forget.people import GivenIds, Person
from include.steps.forget.run import ForgetPlan, Forgetting, Forgotten

__all__ = ["ForgetPlan", "Forgetting", "Forgotten", "GivenIds", "Person"]
