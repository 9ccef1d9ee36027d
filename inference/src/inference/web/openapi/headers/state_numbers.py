"""The number of the operator's choices in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from inference.web.openapi.error_responses import error_content
from inference.web.state_numbers import STATE, STATE_MIN

Schema = dict[str, Any]

_NUMBER = {"type": "integer", "minimum": 0}
_HEADER: Schema = {
    "schema": _NUMBER,
    "description": "The number of the choices (selection, pins, traffic, unloaded models) that the "
    "answer was made with, or a lower one. After a change: a number that includes it.",
}
_PARAMETER: Schema = {
    "name": STATE_MIN,
    "in": "header",
    "required": False,
    "schema": _NUMBER,
    "description": f"Wait until this replica knows this number, which another answer had in "
    f"`{STATE}`.",
}
_ERRORS = {
    "400": f"`{STATE_MIN}` is not a number",
    "503": f"This replica does not know the number in `{STATE_MIN}` yet",
}


def add_components(document: Schema) -> None:
    """Add what :func:`add_state` refers to."""
    components: Schema = document["components"]
    components["headers"] = {STATE: _HEADER}
    components["parameters"] = {STATE_MIN: _PARAMETER}


def add_state(operation: Schema, path: str) -> None:
    """Describe both headers of an operation."""
    parameter = {"$ref": f"#/components/parameters/{STATE_MIN}"}
    operation["parameters"] = [*operation.get("parameters", ()), parameter]
    responses: Schema = operation["responses"]
    for status, response in responses.items():
        if status < "300":
            found = response.get("headers", {})
            response["headers"] = {**found, STATE: {"$ref": f"#/components/headers/{STATE}"}}
    for status, description in _ERRORS.items():
        if status not in responses:
            responses[status] = {"description": description, "content": error_content(path)}
