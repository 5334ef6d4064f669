"""Self-supervised encoders from a local folder."""
