"""Experiments: datasets, jobs and runs on disk."""
