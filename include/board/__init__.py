"""The data of the board: the state of every day of a pipeline, from small files in the lake. Only the audit writes its index."""
