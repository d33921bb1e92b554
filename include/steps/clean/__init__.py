"""Clean: removes files whose retention has ended, except files that a run, the audit or a later refresh still needs."""

from include.steps.clean.run import CleanResult, clean

__all__ = ["CleanResult", "clean"]
