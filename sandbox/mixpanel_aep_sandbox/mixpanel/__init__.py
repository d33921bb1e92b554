"""Stand-in for Mixpanel: one folder for each of its APIs; ``models`` has the data of projects.

The mark [I] in docstrings and comments means inferred: no document describes the behaviour.
"""
