"""Rows between and around those of X, on which file and original must agree."""
