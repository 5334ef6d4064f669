"""Corpora: datasets of utterances, their loaders and checks."""
