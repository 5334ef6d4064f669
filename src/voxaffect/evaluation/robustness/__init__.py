"""Robustness to noise, reverberation, telephone bands and codecs."""
