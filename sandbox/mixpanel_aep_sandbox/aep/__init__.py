"""Adobe Experience Platform: a folder for each service; the folders share the names of their files."""
