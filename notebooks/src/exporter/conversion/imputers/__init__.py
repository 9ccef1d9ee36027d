"""Transformers that fill missing values."""
