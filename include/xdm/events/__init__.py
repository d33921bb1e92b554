"""From lines of the export to events with an ``_id`` and a timestamp, or to rejected lines."""
