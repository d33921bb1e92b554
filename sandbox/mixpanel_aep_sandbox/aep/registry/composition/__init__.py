"""Composition of schemas from classes and field groups, and their representation for an Accept header."""
