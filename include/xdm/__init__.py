"""Conversion of Mixpanel events to XDM rows: schema, mapping, Data Prep expressions and identities."""
