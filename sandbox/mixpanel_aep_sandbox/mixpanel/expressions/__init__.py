"""Segmentation expressions, as used in ``where``."""
