"""Speech emotion recognition that keeps working on voices, rooms and tasks it was not trained on.

The package reads from the ground up: audio, corpora, simulation, features, model, utterance,
recognizer, evaluation, report. A file imports only from files that come before it.
"""

__version__ = "0.1.0"
