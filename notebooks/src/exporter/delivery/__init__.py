"""Delivery of a converted model: writing, signing and placing its file, removing old versions."""
