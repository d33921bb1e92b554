"""The Mixpanel source of dataflows: client of Mixpanel, conversion of events to rows, exploration, time zones."""
