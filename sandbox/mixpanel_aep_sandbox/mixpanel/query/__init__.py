"""The Query API: event names and properties, profiles, funnels, cohorts."""
