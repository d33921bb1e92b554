"""Clean: removes files that the retention settings end, but never what a run, the audit or a later refresh still needs."""

from include.steps.clean.run import CleanResult, clean

__all__ = ["CleanResult", "clean"]
