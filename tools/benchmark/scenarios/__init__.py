"""The scenarios that are measured."""
