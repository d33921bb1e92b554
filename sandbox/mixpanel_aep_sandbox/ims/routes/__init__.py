"""Routes of Adobe IMS."""
