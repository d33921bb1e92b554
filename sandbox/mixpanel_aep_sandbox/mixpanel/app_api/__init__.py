"""Mixpanel's application API under ``/api/app``: accounts, annotations and Lexicon schemas."""
