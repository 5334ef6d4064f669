"""Fairness: scores of groups of utterances and of speakers."""
