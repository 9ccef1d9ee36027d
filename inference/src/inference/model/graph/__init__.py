"""What an ONNX graph says before it is run: metadata, sizes, where outputs come from."""
