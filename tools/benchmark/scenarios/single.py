"""Scenarios of one row: every form of request, the peers, and what settings cost."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmark.names import FOREST, LOGISTIC, NEIGHBORS
from inference.access.api_key import make_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmark.server import Server
    from benchmark.stage import Measure, Stage
    from benchmark.wrk import Request

MODELS = (LOGISTIC, FOREST, NEIGHBORS)


@contextlib.contextmanager
def single(stage: Stage) -> Iterator[dict[str, Measure]]:
    """One row over 1 and 16 connections, each request with another head: ours and the peers."""
    material = stage.material
    ours = {"direct": {name: material.one(name) for name in MODELS}}
    ours["direct"] |= {f"{LOGISTIC}/repeated": material.one(LOGISTIC, is_unique=False)}
    for name, is_unique in ((f"{LOGISTIC}/v2", True), (f"{LOGISTIC}/v2-repeated", False)):
        ours["direct"][name] = material.tensor(LOGISTIC, 1, is_unique=is_unique)
    asked = list(ours["direct"].values())
    asked_peers = [material.peer_one(name) for name in MODELS]
    plain = material.one(LOGISTIC, is_unique=False)
    folder = stage.new_folder("single")
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        servers = {
            "echo": enter(stage.peer("echo", plain)),
            "protocol": enter(stage.protocol(plain)),
            "direct": enter(stage.ours(folder, *asked)),
            "asgi": enter(stage.ours(folder, *asked, direct="false")),
            "fastapi_onnx": enter(stage.peer("fastapi_onnx", *asked_peers)),
            "fastapi_joblib": enter(stage.peer("fastapi_joblib", *asked_peers)),
            "mlserver": enter(stage.mlserver(*MODELS)),
        }
        rows = list(_rows(stage, asked_peers, ours["direct"], plain))
        yield {
            f"single/{name.format(connections)}": stage.load(servers[server], one, connections)
            for connections in (1, 16)
            for name, server, one in rows
        }


def _rows(
    stage: Stage, asked_peers: list[Request], ours: dict[str, Request], plain: Request
) -> Iterator[tuple[str, str, Request]]:
    """Give the name of each figure, with a place for the connections, its server and request."""
    yield "any/{}/protocol", "protocol", plain
    yield "any/{}/echo", "echo", plain
    for name, request in ours.items():
        model, _, form = name.partition("/")
        yield f"{model}/{{}}/{form or 'direct'}", "direct", request
    yield f"{LOGISTIC}/{{}}/asgi", "asgi", ours[LOGISTIC]
    for model, request in zip(MODELS, asked_peers, strict=True):
        yield f"{model}/{{}}/fastapi_onnx", "fastapi_onnx", request
        yield f"{model}/{{}}/fastapi_joblib", "fastapi_joblib", request
        yield f"{model}/{{}}/mlserver", "mlserver", stage.material.mlserver_one(model)


@contextlib.contextmanager
def settings(stage: Stage) -> Iterator[dict[str, Measure]]:
    """One row over 16 connections: without settings, with keys, a rate limit, a request log."""
    one = stage.material.one(LOGISTIC)
    folder = stage.new_folder("settings")
    file, key = _make_key(folder)
    keyed = replace(one, headers={"Authorization": f"Bearer {key}"})
    kinds: dict[str, tuple[Request, dict[str, Any]]] = {
        "none": (one, {}),
        "keys": (keyed, {"api_keys_file": file}),
        "rate-limit": (keyed, {"api_keys_file": file, "rate_limit": 1_000_000}),
        "request-log": (one, {"log_requests": "true", "log_format": "json", "log_level": "info"}),
    }
    with contextlib.ExitStack() as stack:
        servers: dict[str, Server] = {
            kind: stack.enter_context(stage.ours(folder, request, **chosen))
            for kind, (request, chosen) in kinds.items()
        }
        yield {
            f"settings/{kind}": stage.load(servers[kind], request, 16)
            for kind, (request, _) in kinds.items()
        }


def _make_key(folder: Path) -> tuple[Path, str]:
    key, entry = make_key("bench", ["predict"])
    file = folder / "keys"
    file.write_text(f"{entry}\n")
    return file, key
