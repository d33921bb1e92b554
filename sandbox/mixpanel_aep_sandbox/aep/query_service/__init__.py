"""Query Service: SQL over the rows of active batches, with PostgreSQL's protocol (EP:query-service).

``routes`` returns the connection's parameters, ``listener`` accepts connections, ``session`` implements the protocol,
``engine`` runs a query in DuckDB.
"""
