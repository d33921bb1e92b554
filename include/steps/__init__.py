"""The five steps, in order: export, transform, validate, stage, ingest. ``step.py`` of each folder has its one function.

``run_day`` runs them in order; ``history`` knows what was loaded; ``reconcile``, ``verify``, ``recover`` and ``clean``
maintain days that are loaded."""
