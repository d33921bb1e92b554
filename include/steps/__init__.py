"""The five steps, in order: export, transform, validate, stage, ingest. Each folder has one public function in ``step.py``.

``run_day`` runs them in order. ``history`` knows what was loaded. ``reconcile``, ``verify``, ``recover`` and ``clean``
maintain days that were loaded."""
