"""The models folder: which artifacts it has, and what has changed in it."""
