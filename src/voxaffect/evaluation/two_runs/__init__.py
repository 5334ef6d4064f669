"""Two runs on the same folds."""
