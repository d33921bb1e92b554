"""Stand-in for Mixpanel: one folder for each of its APIs; ``models`` has the data of projects."""
