"""Figures of a run, as SVG: one file a kind, in one style."""
