"""Stand-in for Adobe IMS: issues access tokens, and manages the client secrets of OAuth credentials."""
