"""HTTP routes of Identity Service: identity namespaces, and the XID of an identity."""
