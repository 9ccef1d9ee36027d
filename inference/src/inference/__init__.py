"""The service: ONNX classifiers from a folder, live over HTTP."""
