"""One decision an utterance: functionals of frame posteriors, a classifier on them, calibration."""
