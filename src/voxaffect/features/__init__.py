"""Numbers a frame: the grid of frames, the 32 descriptors, their statistics and their store."""
