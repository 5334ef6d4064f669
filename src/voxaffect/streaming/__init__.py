"""Predictions of many recordings, of long ones by segments, and of live streams."""
