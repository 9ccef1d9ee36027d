"""Errors in the OpenAPI document: the meaning of each status, with an example.

Statuses whose responses have the same schema share one entry, ``4XX`` or ``5XX``, so that a
generated client has one type for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.errors import (
    ConflictError,
    Fault,
    NotFoundError,
    NotReadyError,
    RookeryError,
    RowsError,
)
from inference.web.errors.problem import MEDIA_TYPE, describe

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any]

PROBLEM: Schema = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
ERROR: Schema = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorView"}}}
MLFLOW: Schema = {"application/json": {"schema": {"$ref": "#/components/schemas/MlflowError"}}}
INVALID = "Invalid request; the message names what to change"
UNFIT: Schema = {
    MEDIA_TYPE: PROBLEM[MEDIA_TYPE]
    | {
        "example": {
            "type": "about:blank",
            "title": "Invalid request",
            "status": 422,
            "detail": "query.model: Field required",
        }
    }
}
_PREDICT = {
    "400": "The body is not JSON, or contains no rows",
    "404": "The model or version does not exist",
    "409": "The model is not available, or none is selected for /predict/",
    "413": "Too many bytes or rows",
    "415": "Unsupported compression; use gzip, deflate or zstd",
    "422": "Some rows are invalid; the response lists each row and feature",
    "500": "The model failed",
    "503": "The model is still loading, or the service is overloaded",
    "504": "The run exceeded its time limit",
}
_LIVE = "Ready models: penguins."
_KNOWN: dict[str, RookeryError] = {
    "404": NotFoundError(f"there is no model 'penguin'. Did you mean 'penguins'? {_LIVE}"),
    "409": ConflictError(
        "model 'penguins' is unloaded: it was unloaded by the operator; POST "
        "/v2/repository/models/penguins/load serves it again"
    ),
    "422": RowsError([Fault(0, "body_mass_g", "expected a number, got the string 'long'")]),
    "503": NotReadyError("model 'penguins' is being examined and loaded; try again"),
}
_SHOWN = ("404", "422", "503")


def error_content(path: str) -> Schema:
    """Return the content of an error of a route, in the form of its protocol."""
    if path.startswith(("/v1", "/v2")):
        return ERROR
    return MLFLOW if path in ("/invocations", "/ping", "/health", "/version") else PROBLEM


def add_errors(operation: Schema, wrong: Schema | None = None) -> Schema:
    """Describe the errors of a predict route.

    Args:
        operation: The operation of the route.
        wrong: The response to an invalid body, if known.
    """
    for status, description in _PREDICT.items():
        operation["responses"][status] = {"description": description, "content": PROBLEM}
    if wrong is not None:
        content = {MEDIA_TYPE: PROBLEM[MEDIA_TYPE] | {"example": wrong}}
        operation["responses"]["422"]["content"] = content
    return operation


def merge_alike(operation: Schema) -> None:
    """Merge statuses with the same schema into one entry. Call it once, at the end."""
    responses: Schema = operation["responses"]
    for family in ("4", "5"):
        statuses = sorted(status for status in responses if status[0] == family)
        groups: dict[str, list[str]] = {}
        for status in statuses:
            groups.setdefault(_form(responses[status]), []).append(status)
        largest = max(groups.values(), key=len, default=[])
        for status in statuses:
            if status not in largest or len(largest) == 1:
                _exemplify(responses[status], {status: responses[status]})
        if len(largest) > 1:
            merged = {status: responses.pop(status) for status in largest}
            lines = [
                f"- {status}: {response['description']}" for status, response in merged.items()
            ]
            ((media, content),) = merged[largest[0]]["content"].items()
            responses[f"{family}XX"] = {
                "description": "\n".join(lines),
                "content": {media: {"schema": content["schema"]}},
            }
            _exemplify(responses[f"{family}XX"], merged)


def _form(response: Schema) -> str:
    """Return a key that is equal for responses with the same schema."""
    content = response.get("content", {})
    return str([(media, described.get("schema")) for media, described in content.items()])


def _exemplify(response: Schema, merged: Mapping[str, Schema]) -> None:
    """Add examples of errors to a response, whose content is copied."""
    content = response.get("content") or {}
    if len(content) != 1:
        return
    ((media, described),) = content.items()
    if described.get("schema") not in (PROBLEM[MEDIA_TYPE]["schema"], *_error_schemas()):
        return
    examples = {}
    own_first = sorted(merged, key=lambda status: "example" not in _first_content(merged[status]))
    for status in own_first:
        own = _first_content(merged[status]).get("example")
        if own is None and status in _KNOWN and (status in _SHOWN or len(merged) == 1):
            document = describe(_KNOWN[status])
            own = document if media == MEDIA_TYPE else {"error": document["detail"]}
        if own is not None:
            title = own.get("title") or describe(_KNOWN[status])["title"]
            examples[f"{status} {title}"] = {"value": own}
    if examples:
        response["content"] = {media: {"schema": described["schema"], "examples": examples}}


def _first_content(response: Schema) -> Schema:
    return next(iter(response["content"].values()), {})


def _error_schemas() -> list[Schema]:
    return [content["schema"] for content in ERROR.values()]
