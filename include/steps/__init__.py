"""The five steps of a day, in order: export, transform, validate, stage, ingest.

``step.py`` in the folder of a step has the step's function. ``run_day`` runs the steps of a day in order. ``history``
reads which rows were loaded earlier. ``reconcile``, ``verify``, ``recover``, ``clean`` and ``forget`` work on days that
were loaded; ``migrate`` moves a dataflow of Adobe's own Mixpanel source to a pipeline.
"""
