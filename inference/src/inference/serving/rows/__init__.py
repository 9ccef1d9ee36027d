"""Rows of features in JSON: read, checked, and made into arrays.

- :mod:`~inference.serving.rows.reader`: a body to arrays
- :mod:`~inference.serving.rows.typed`: the decoders that are made for one model's features
- :mod:`~inference.serving.rows.faults`: says of every row and feature what is wrong
- :mod:`~inference.serving.rows.range`: warns of numbers outside the training range
"""
