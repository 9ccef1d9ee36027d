"""Transformers of numbers, and functions of numbers."""
