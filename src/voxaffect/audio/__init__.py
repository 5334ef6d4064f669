"""Recordings: from a file to 16 kHz mono samples, and what can be said of their level."""
