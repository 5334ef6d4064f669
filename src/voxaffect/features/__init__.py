"""Frame features: the 32 low-level descriptors, other sets, standardization, the on-disk cache."""
