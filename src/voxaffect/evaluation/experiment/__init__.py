"""From corpora to a run on disk: what is computed, where it lies, and what may fail."""
