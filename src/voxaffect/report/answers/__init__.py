"""Answers as text, one file a format: pure functions, nothing is computed or written here."""
