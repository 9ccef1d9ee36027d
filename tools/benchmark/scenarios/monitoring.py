"""What it costs to watch the service: drift, the prediction log, shadows, splits and tracing."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from benchmark.names import LOGISTIC

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmark.figures import Figures
    from benchmark.server import Server
    from benchmark.stage import Measure, Stage

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
# By kind what is put as the traffic of the model; version 2 is a copy of version 1.
_TRAFFIC: dict[str, dict[str, Any]] = {
    "shadow-10": {"shadow": {"version": 2, "percent": 10}},
    "shadow": {"shadow": {"version": 2, "percent": 100}},
    "split": {"split": {"1": 50, "2": 50}},
}


@contextlib.contextmanager
def monitoring(stage: Stage) -> Iterator[dict[str, Measure]]:
    """One row over 16 connections and 1, with nothing that watches, and with each thing alone."""
    one = stage.material.one(LOGISTIC)
    first = stage.new_folder("monitoring")
    models = first / "models"
    for version in ("1", "2"):
        shutil.copytree(stage.material.models / LOGISTIC / "1", models / LOGISTIC / version)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_collector())
        servers: dict[str, Server] = {}
        for kind, settings in _settings(first).items():
            folder = first
            if kind != "off":  # the same plans, with choices of its own
                folder = stage.new_folder(f"monitoring-{kind}")
                shutil.copytree(first / "state", folder / "state")
            server = servers[kind] = stack.enter_context(
                stage.ours(folder, one, models=models, **settings)
            )
            server.put(f"/models/{LOGISTIC}/active", {"version": 1})
            if kind in _TRAFFIC:
                server.put(f"/models/{LOGISTIC}/traffic", _TRAFFIC[kind])
        yield {
            f"monitoring/{connections}/{kind}": partial(
                _with_memory, server, stage.load(server, one, connections)
            )
            for connections in (16, 1)
            for kind, server in servers.items()
        }


def _settings(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the settings of each server, the first of which watches nothing."""
    off: dict[str, Any] = {"drift": "false"}
    return {
        "off": off,
        "drift": {},
        "log": {**off, "prediction_log": folder / "log"},
        **dict.fromkeys(_TRAFFIC, off),
        "tracing": {**off, "tracing": "true"},
    }


def _with_memory(server: Server, measure: Measure) -> Figures:
    return measure() | {"resident_megabytes": server.megabytes("VmRSS")}


@contextlib.contextmanager
def _collector() -> Iterator[None]:
    """Receive the traces of services that are started meanwhile, and do nothing with them."""
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), _Receive)
    thread = threading.Thread(target=receiver.serve_forever, daemon=True)
    thread.start()
    os.environ[_ENDPOINT] = f"http://127.0.0.1:{receiver.server_port}"
    try:
        yield
    finally:
        del os.environ[_ENDPOINT]
        receiver.shutdown()
        receiver.server_close()


class _Receive(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
