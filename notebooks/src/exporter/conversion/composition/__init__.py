"""Composing one ONNX graph from the parts of a fitted scikit-learn model.

Pipelines, wrappers, encoders, text and linear models are written here, operation for operation as
scikit-learn computes them. skl2onnx converts the estimators that remain, each on its own.
"""
