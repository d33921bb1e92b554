"""Remove files from the lake whose retention has ended, unless a run, the audit or a later refresh still needs them."""

from include.steps.retention.run import CleanResult, clean

__all__ = ["CleanResult", "clean"]
