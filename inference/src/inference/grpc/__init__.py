"""The Open Inference Protocol over gRPC, in the same process and with the same servables.

Needs the extra ``inference[grpc]``; nothing imports this room unless ``INFERENCE_GRPC_PORT`` is
set. ``protocol_pb2`` is made from ``protocol.proto`` by ``make stubs``; its messages live in a pool
of their own, so that a process may also load another package's messages of the same names.
"""
