"""Adobe Experience Platform: a folder for each service, which share the names of their files."""
