"""Transformers that fill what is missing."""
