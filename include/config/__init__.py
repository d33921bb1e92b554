"""The model of the pipeline file, the code that reads it, and the settings that follow from it alone."""
