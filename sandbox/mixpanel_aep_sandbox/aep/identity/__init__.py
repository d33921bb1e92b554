"""Identity Service: identity namespaces, and Experience Platform's ids (XID) of identities."""
