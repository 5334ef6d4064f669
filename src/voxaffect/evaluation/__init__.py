"""Evaluation: folds, experiments, metrics, confidence intervals, significance tests, fairness."""
