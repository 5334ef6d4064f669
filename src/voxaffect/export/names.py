"""What an exported recogniser takes and gives is called; a subtask by its own name."""

SAMPLES = "samples"
"""Input: float32 (n_samples,), 16 kHz mono as decoded, full scale 1."""

PROBABILITIES = "probabilities"
"""Output: float32 (C,), of the emotion classes."""

TIMELINE = "timeline"
"""Output: float32 (T, C), posterior of each emotion class in each frame."""

NOVELTY = "novelty"
"""Output: float32 (), distance from the training corpora, above 1 unfamiliar."""
