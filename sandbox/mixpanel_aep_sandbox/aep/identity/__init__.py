"""Identity Service: namespaces, and the XID of an identity."""
