"""What the ONNX file says about itself: features, samples, provenance, capabilities."""
