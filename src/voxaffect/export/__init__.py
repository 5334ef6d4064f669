"""ONNX export of a trained recognizer, and inference with onnxruntime alone."""
