"""A trained recognizer as one ONNX file, and the light way to run it.

One file a stage of the chain, each tested by itself against the Python stage that it repeats.
"""
