"""Segmentation expressions, as ``where`` has them."""
