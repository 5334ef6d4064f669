"""The utterance level: functionals of frame posteriors, ELM, calibration, novelty."""
