"""The Open Inference Protocol over REST, everything under ``/v2``.

Source: https://github.com/kserve/open-inference-protocol, and Triton's extensions of it,
https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""
