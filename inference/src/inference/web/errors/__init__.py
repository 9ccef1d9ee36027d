"""Errors to responses, in the form of the route that was asked."""
