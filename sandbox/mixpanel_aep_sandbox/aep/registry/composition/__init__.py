"""Composes schemas of classes and field groups, and shows them as an Accept header wants."""
