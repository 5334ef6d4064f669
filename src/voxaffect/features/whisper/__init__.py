"""Frames of Whisper's encoder: log-mel, the first layers, weights and where they come from."""

from voxaffect.features.whisper.extractor import WhisperFrames

__all__ = ["WhisperFrames"]
