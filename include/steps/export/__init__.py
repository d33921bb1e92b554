"""The export step: store the raw events of one day in the lake, as Mixpanel sends them."""
