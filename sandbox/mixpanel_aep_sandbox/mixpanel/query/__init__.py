"""Mixpanel's Query API: event names and properties, user profiles, funnels, cohorts and annotations."""
