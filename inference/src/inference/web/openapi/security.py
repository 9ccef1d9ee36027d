"""Keys in the OpenAPI document: Swagger's Authorize button, and what a denied request is told."""

from __future__ import annotations

from typing import Any

from inference.access.scopes import RequiredScope, required_scope
from inference.web.openapi.error_responses import ERROR, PROBLEM

Schema = dict[str, Any]

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key of this service."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same."},
}
_FAST = ("/predict", "/predict/", "/infer")
_TOLD = {
    "401": "No key, or none that is known",
    "403": "The key has not the scope",
    "429": "The key has asked too often; Retry-After says when to ask again",
}


def add_keys(document: Schema) -> None:
    """Describe keys, and which route needs which scope."""
    document["components"]["securitySchemes"] = _SCHEMES
    document["security"] = [{name: []} for name in _SCHEMES]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            add_key(operation, method, path)


def add_key(operation: Schema, method: str, path: str) -> None:
    """Describe which scope one operation needs, and what a denied request is told."""
    required = (
        RequiredScope.PREDICT if path.endswith(_FAST) else required_scope(method.upper(), path)
    )
    if required is RequiredScope.NONE:
        operation["security"] = []
        return
    content = ERROR if path.startswith("/v2") else PROBLEM
    for status, description in _TOLD.items():
        operation["responses"][status] = {"description": description, "content": content}
    if required is not RequiredScope.ANY_KEY:
        told = operation.get("description", "")
        scope = f"Needs a key with the scope `{required.value}`."
        operation["description"] = f"{told}\n\n{scope}".strip()
