"""Transformers of texts."""
