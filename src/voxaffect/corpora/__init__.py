"""Corpora: what was said and by whom."""
