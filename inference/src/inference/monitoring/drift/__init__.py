"""Drift: how far served values and answers are from those of the training data."""
