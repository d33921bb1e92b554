"""From Mixpanel events to XDM rows: schema, mapping, Data Prep expressions, conversion."""
