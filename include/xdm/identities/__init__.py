"""Which values of an event identify a person, and how they become ``identityMap``."""
