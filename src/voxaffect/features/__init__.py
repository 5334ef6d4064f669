"""Numbers a frame: their grid, the 32 descriptors, other sets, statistics and the store."""
