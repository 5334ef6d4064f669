"""Baselines that keep the nets honest: what chance, one row an utterance, or no ELM comes to."""
