"""Stand-in for Adobe IMS: issues access tokens, and manages the client secrets of OAuth credentials.

The mark [I] in docstrings and comments means inferred: no document describes the behaviour.
"""
