"""What the board shows: the state of every day of a pipeline, from the lake's own small files. It never writes."""
