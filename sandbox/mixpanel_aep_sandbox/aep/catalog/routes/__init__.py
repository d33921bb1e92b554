"""Routes of Catalog, a file for each kind of object; ``root`` lists all kinds, and runs several requests in one."""
