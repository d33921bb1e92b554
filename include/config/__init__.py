"""The pipeline file: the model of its keys, the code that reads and validates it, and the default settings of tasks."""
