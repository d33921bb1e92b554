"""The five steps, in order: export, transform, validate, stage, ingest. ``step.py`` in each folder has the step's function.

``run_day`` runs them in order. ``history`` knows what was loaded. ``reconcile``, ``verify``, ``recover`` and ``clean``
maintain days that were loaded.
"""
