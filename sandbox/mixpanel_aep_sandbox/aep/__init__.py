"""Stand-in for Adobe Experience Platform: one folder for each service, with the same file names in each folder."""
