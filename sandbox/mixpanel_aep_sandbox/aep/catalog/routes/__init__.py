"""Routes of Catalog, a file for each kind of object; ``root`` lists all, and does several requests in one."""
