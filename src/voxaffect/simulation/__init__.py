"""Simulated emotional speech with known pitch, and miniature corpora made of it."""
