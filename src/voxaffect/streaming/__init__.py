"""Recordings and streams become answers in time."""
