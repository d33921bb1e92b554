"""Whether a regular expression may take exponential time."""
