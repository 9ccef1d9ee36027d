"""Errors as responses, in the form of the requested route."""
