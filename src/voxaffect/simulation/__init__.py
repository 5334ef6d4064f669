"""Simulated emotional speech with known F0, and miniature corpora of it for tests and demos."""
