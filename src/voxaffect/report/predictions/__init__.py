"""Predictions as text: tables, JSON lines, CSV, Audacity labels, WebVTT captions."""
