"""The 32 descriptors of the paper, pitch among them."""
