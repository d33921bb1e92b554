"""Routes of Catalog, in a module for each kind of object; ``root`` lists the kinds, and executes bulk requests."""
