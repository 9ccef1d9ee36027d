"""Publish scikit-learn models from a notebook as ONNX files that describe themselves."""
