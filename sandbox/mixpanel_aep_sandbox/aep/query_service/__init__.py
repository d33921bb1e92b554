"""Query Service: SQL over the rows of active batches, on a Postgres wire (EP:query-service).

``rest`` gives the connection's parameters, ``listener`` takes connections, ``session`` speaks the protocol of one,
``engine`` runs a query in DuckDB.
"""
