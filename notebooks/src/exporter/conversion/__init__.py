"""From a fitted model to an ONNX graph that answers like it."""
