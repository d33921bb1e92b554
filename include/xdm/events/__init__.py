"""Parse the lines of an export into events with an ``_id`` and a timestamp, or reject them with a reason."""
