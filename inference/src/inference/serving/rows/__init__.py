"""Rows of features in JSON: read, checked, and made into arrays.

- :mod:`~inference.serving.rows.reader`: a body to arrays
- :mod:`~inference.serving.rows.typed_decoder`: the decoders that are made for one model's features
- :mod:`~inference.serving.rows.row_errors`: reports what is wrong with each row and feature
- :mod:`~inference.serving.rows.training_range`: warns of numbers outside the training range
"""
