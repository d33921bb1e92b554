"""The values of an event that identify a person, and their conversion to the XDM field ``identityMap``."""
