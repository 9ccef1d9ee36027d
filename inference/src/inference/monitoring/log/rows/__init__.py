"""Rows and their columns: from served requests to frames of a journal, and back."""
