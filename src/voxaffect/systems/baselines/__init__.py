"""Baselines: chance, scikit-learn classifiers on one row an utterance, nets without an ELM."""
