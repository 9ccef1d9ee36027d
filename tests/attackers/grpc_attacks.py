"""Attackers over gRPC."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from attackers.attacks import attack

if TYPE_CHECKING:
    from attackers.target import Target

_MIB = 1024 * 1024
_LARGEST = 8 * _MIB - 1024
_SERVICE = "/inference.GRPCInferenceService"


def _call(target: Target, method: str, message: bytes, *, keyed: bool, kept: bool = True) -> None:
    while not target.is_over:
        _call_on_one_connection(target, method, message, keyed=keyed, kept=kept)


def _call_on_one_connection(
    target: Target, method: str, message: bytes, *, keyed: bool, kept: bool
) -> None:
    import grpc  # noqa: PLC0415 - the service's lean environment has none

    metadata = [("x-api-key", target.key)] if keyed else []
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{target.grpc_port}", options=options) as channel:
        ask = channel.unary_unary(
            f"{_SERVICE}/{method}", request_serializer=None, response_deserializer=None
        )
        while not target.is_over:
            with contextlib.suppress(grpc.RpcError):
                ask(message, metadata=metadata, timeout=20)
            if not kept:
                break


def _field(number: int, value: bytes) -> bytes:
    size = len(value)
    length = bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + value


def _many(
    target: Target, message: bytes, *, keyed: bool = True, kept: bool = True, calls: int = 4
) -> None:
    with ThreadPoolExecutor(calls) as pool:
        for _ in range(calls):
            pool.submit(_call, target, "ModelInfer", message, keyed=keyed, kept=kept)


@attack
def grpc_large_without_key(target: Target) -> None:
    message = _field(1, b"good") + _field(5, _field(1, b"X")) * 10_000_000
    _many(target, message[:_LARGEST], keyed=False)


@attack
def grpc_over_limit(target: Target) -> None:
    _many(target, _field(1, b"a" * (60 * _MIB)))


@attack
def grpc_many_inputs(target: Target) -> None:
    _many(target, _field(1, b"good") + _field(5, b"") * (_LARGEST // 2))


@attack
def grpc_long_name(target: Target) -> None:
    _many(target, _field(1, b"a" * _LARGEST))


@attack
def grpc_large_on_new_connections(target: Target) -> None:
    _many(target, _field(1, b"a" * _LARGEST), kept=False)


@attack
def grpc_many_calls(target: Target) -> None:
    message = _field(1, b"good") + _field(5, _field(1, b"X"))
    _many(target, message, calls=60)
