"""Pure numbers: from counts and pairs to accuracies, intervals and tests."""
