"""Clean: the lake kept within its retention, without anything that a run, the audit or a later refresh cannot spare."""

from include.steps.clean.run import CleanResult, clean

__all__ = ["CleanResult", "clean"]
