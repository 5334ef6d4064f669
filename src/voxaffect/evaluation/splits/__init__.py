"""Training, dev and test splits, and leakage between them."""
