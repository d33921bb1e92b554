"""Composition of schemas from classes and field groups, and the representation that an Accept header requests."""
