"""Parser and evaluation of Mixpanel's segmentation expressions, such as the ``where`` parameter of an export."""
