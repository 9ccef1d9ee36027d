"""Requests as pages of other sites send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.models.artifacts import MEASUREMENTS

if TYPE_CHECKING:
    import httpx

    from support.service.process import Service

RECORD = dict(zip(MEASUREMENTS, [39.1, 18.7, 181.0, 3750.0], strict=True))
EVIL = "https://evil.example"
APP = "https://app.example.com"
# Method, path and body of a request of each kind.
CHANGES = [
    ("POST", "/select-model/?model=m", None),
    ("POST", "/predict/", RECORD),
    ("POST", "/models/m/predict", RECORD),
    ("POST", "/v2/models/m/infer", {}),
    ("PUT", "/models/m/active", {"version": "latest"}),
    ("POST", "/v2/repository/models/m/load", {}),
    ("POST", "/v2/repository/models/m/unload", {}),
    ("DELETE", "/models/m", None),
]
READS = [
    ("GET", path, None) for path in ("/", "/docs", "/openapi.json", "/models", "/metrics", "/v2")
]


def ask(service: Service, request: tuple[str, str, object], **headers: str) -> httpx.Response:
    """Send a request with headers; their names have underscores."""
    method, path, body = request
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.client.request(method, path, json=body, headers=sent)
