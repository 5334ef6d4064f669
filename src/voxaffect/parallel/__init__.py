"""Work that is cut into items and done by processes, here or on a cluster, which may die."""
