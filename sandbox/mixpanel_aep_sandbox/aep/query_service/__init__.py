"""Query Service: SQL queries over the rows of active batches, over PostgreSQL's protocol (EP:query-service).

``routes`` returns the connection parameters, ``listener`` accepts connections, ``session`` implements the protocol, and
``engine`` runs queries in DuckDB.
"""
