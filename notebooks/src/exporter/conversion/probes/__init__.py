"""Rows between and around the given ones, which the file has to answer like the original."""
