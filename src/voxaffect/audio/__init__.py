"""Recordings: decoding to 16 kHz mono samples, their level and quality."""
