"""recognizer."""
