"""Adobe IMS: access tokens, and the client secrets of a credential."""
