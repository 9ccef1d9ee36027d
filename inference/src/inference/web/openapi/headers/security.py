"""API keys in the OpenAPI document: the Authorize button, and the responses to denied requests."""

from __future__ import annotations

from typing import Any

from inference.access.scopes import RequiredScope, required_scope
from inference.web.openapi.error_responses import error_content

Schema = dict[str, Any]

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key of this service."},
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key of this service, in a header of its own.",
    },
}
_FAST = (
    "/predict",
    "/predict/",
    "/infer",
    "/explain",
    "/whatif",
    ":predict",
    ":explain",
    "/invocations",
)
_DENIALS = {
    "401": "No API key, or an unknown one",
    "403": "The API key lacks the required scope",
    "429": "Rate limit exceeded; the header Retry-After says when to retry",
}


def add_schemes(document: Schema) -> None:
    """Describe how a key is sent."""
    document["components"]["securitySchemes"] = _SCHEMES
    document["security"] = [{name: []} for name in _SCHEMES]


def scope_of(method: str, path: str) -> RequiredScope:
    """Return the scope that an operation requires."""
    if path.endswith(_FAST):
        return RequiredScope.PREDICT
    return required_scope(method.upper(), path)


def add_key(operation: Schema, method: str, path: str) -> None:
    """Describe the scope that an operation requires, and the responses to denied requests."""
    required = scope_of(method, path)
    if required is RequiredScope.NONE:
        operation["security"] = []
        return
    content = error_content(path)
    for status, description in _DENIALS.items():
        operation["responses"][status] = {"description": description, "content": content}
    if required is not RequiredScope.ANY_KEY:
        text = operation.get("description", "")
        scope = f"Requires an API key with scope `{required.value}`."
        operation["description"] = f"{text}\n\n{scope}".strip()
