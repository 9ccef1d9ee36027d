"""Tensors on the wire: the one place that decodes and encodes them.

- :mod:`~inference.serving.tensors.binary`: bytes, little-endian and row-major, to arrays and back
- :mod:`~inference.serving.tensors.values`: JSON values to arrays and back
- :mod:`~inference.serving.tensors.list_slices`: cuts long lists of JSON, of rows, too, into short
  ones
- :mod:`~inference.serving.tensors.data_spans`: takes long lists of data out of a request
- :mod:`~inference.serving.tensors.query`: a query, over REST or gRPC
- :mod:`~inference.serving.tensors.request`: the REST protocol's request to a query
- :mod:`~inference.serving.tensors.response`: results to the REST protocol's response
- :mod:`~inference.serving.tensors.classification`: the classification extension

Source: the Open Inference Protocol, https://github.com/kserve/open-inference-protocol, and Triton's
extensions of it, https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""
