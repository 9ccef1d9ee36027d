"""The OpenAPI document, rebuilt when the snapshot or the operator's choices change.

FastAPI describes its own routes. This module adds what depends on the live models: the drop-down of
``/select-model/``, and one typed entry per model with features, units, ranges, categories and
examples that you can execute unchanged.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from fastapi import Request  # noqa: TC002 - FastAPI reads it
from fastapi.openapi.utils import get_openapi

from inference.errors import RookeryError
from inference.logs import KEY_ID
from inference.repository.snapshot import Snapshot
from inference.runtime.documents import Document, Subject
from inference.web.documents import DocumentResponse, encoded
from inference.web.fragments import Pieces
from inference.web.openapi.adapters.operations import add_adapters
from inference.web.openapi.drop_downs import name_schemas, offer_name
from inference.web.openapi.error_responses import INVALID, PROBLEM, UNFIT, merge_alike
from inference.web.openapi.examples import ONE
from inference.web.openapi.explanations import operations as explanations
from inference.web.openapi.headers.headers import FurtherHeaders
from inference.web.openapi.identifiers import SELECTED, Identifier, identify
from inference.web.openapi.inference import add_inference
from inference.web.openapi.introduction import introduce
from inference.web.openapi.model_schema import (
    any_schemas,
    complete,
    describe_operation,
    describe_predict,
    describe_training,
)
from inference.web.openapi.servers import Servers
from inference.web.trusted_proxies import Proxies

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.routing import APIRoute

    from inference.repository.repository import Repository
    from inference.repository.snapshot import Model
    from inference.web.documents import Encoded

Schema = dict[str, Any]

# No browser can show more. The remaining models share one entry.
_MODELS_BYTES = 8 * 1024 * 1024
_EXAMPLES = 20  # models with an example in the entry for any model
_OF_KNOWN = ("/models/{name}", "/models/{name}/active", "/models/{name}/traffic")
_TAGS = {
    "models": "List models, select one, pin a version, split the traffic",
    "predict": "Predict with a model, from records or rows",
    "health": "Liveness, readiness and metrics",
    "open inference protocol": "For clients of KServe and Triton",
    "other protocols": "For clients of TensorFlow Serving, KServe v1, MLflow and SageMaker",
}


class _Piece(NamedTuple):
    """The encoded entries of one model.

    Attributes:
        operations: The operations by path.
        schemas: The schemas that the operations refer to.
        example: A record; empty if none is known.
    """

    operations: dict[str, bytes]
    schemas: dict[str, bytes]
    example: bytes


class OpenApiDocument:
    """Serves ``/openapi.json``.

    Args:
        app: The app with all routes except the fast ones.
        repository: Where the live models are.
        headers: What requests and answers have in their headers. If keys are required, a request
            without one gets a document without models.
        proxies: The trusted proxies.
    """

    def __init__(
        self,
        app: FastAPI,
        repository: Repository,
        *,
        headers: FurtherHeaders | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self._app = app
        self._servers = Servers(proxies or Proxies())
        self._headers = headers or FurtherHeaders()
        self._own: Schema = {}
        self._pieces: Pieces[_Piece | None] = Pieces(self._describe)
        nothing = Subject(Snapshot())
        self._public = Document(lambda: nothing, self._encode_public)
        self._document = Document(lambda: Subject(repository.current()), self._encode)

    def install(self) -> None:
        """Replace FastAPI's route, which would encode the document on the event loop."""
        routes = self._app.router.routes
        routes[:] = [r for r in routes if getattr(r, "path", None) != self._app.openapi_url]

        @self._app.get(str(self._app.openapi_url), include_in_schema=False)
        async def openapi(request: Request) -> DocumentResponse:
            is_known = not self._headers.keyed or KEY_ID.get() is not None
            document = await (self._document if is_known else self._public).get()
            return DocumentResponse(await self._servers.locate(document, request.scope))

    def _encode(self, subject: Subject) -> Encoded:
        return encoded(msgspec.json.encode(self._make(subject.thing)))

    def _encode_public(self, subject: Subject) -> Encoded:
        document = self._make(subject.thing)
        document["info"]["description"] = introduce(None)
        return encoded(msgspec.json.encode(document))

    def _make(self, snapshot: Snapshot) -> Schema:
        # FastAPI's part never changes, and takes fifty times as long as copying it.
        app = self._app
        self._own = self._own or get_openapi(
            title=app.title, version=app.version, routes=app.routes
        )
        document: Schema = copy.deepcopy(self._own)
        document["info"]["description"] = introduce(snapshot)
        document["tags"] = [{"name": n, "description": d} for n, d in _TAGS.items()]
        paths: Schema = document["paths"]
        schemas: Schema = document.setdefault("components", {}).setdefault("schemas", {})
        schemas |= any_schemas() | name_schemas(snapshot)
        schemas |= explanations.any_schemas(schemas)
        identifiers = identify(snapshot.models)
        pieces = self._choose_pieces(snapshot, identifiers)
        _correct(paths)
        _offer_names(document, snapshot)
        examples = _examples(pieces)
        paths["/predict/"] = {"post": _predict_selected(snapshot, identifiers, schemas, examples)}
        # Placeholders, so that the models' entries come before the entry for any model.
        paths |= {path: {} for piece in pieces.values() for path in piece.operations}
        paths["/models/{name}/predict"] = {
            "post": _predict_named("predict_by_name", "Predict with any model", snapshot, examples)
        }
        paths["/models/{name}/versions/{version}/predict"] = {
            "post": _predict_version(snapshot, examples)
        }
        paths |= explanations.describe_any(paths)
        add_inference(document, snapshot)
        add_adapters(document, snapshot, examples)
        self._headers.add(document)
        for item in paths.values():
            for operation in item.values():
                merge_alike(operation)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for piece in pieces.values():
            paths |= {path: {"post": msgspec.Raw(o)} for path, o in piece.operations.items()}
            schemas |= {key: msgspec.Raw(schema) for key, schema in piece.schemas.items()}
        return document

    def _choose_pieces(
        self, snapshot: Snapshot, identifiers: dict[str, Identifier]
    ) -> dict[str, _Piece]:
        """Return the models that get their own entry, until the document is full."""
        room, chosen = _MODELS_BYTES, {}
        for model, piece in self._pieces.of(snapshot, identifiers):
            if piece is None:
                continue
            room -= sum(map(len, (*piece.operations.values(), *piece.schemas.values())))
            if room >= 0:
                chosen[model.name] = piece
        return chosen

    def _describe(self, model: Model, identifier: Identifier) -> _Piece | None:
        active = model.active
        if active is None or not active.features:
            return None
        schemas: Schema = {}
        predict = describe_predict(active, identifier, schemas)
        operations = {f"/models/{model.name}/predict": predict}
        operations |= explanations.describe(active, identifier, predict, schemas)
        for path, operation in operations.items():
            self._headers.add_to(operation, "post", path)
            merge_alike(operation)
        encode = msgspec.json.encode
        examples = predict["requestBody"]["content"]["application/json"].get("examples", {})
        example = encode(examples[ONE]["value"]) if ONE in examples else b""
        encoded_schemas = {key: encode(schema) for key, schema in schemas.items()}
        encoded_operations = {path: encode(operation) for path, operation in operations.items()}
        return _Piece(encoded_operations, encoded_schemas, example)


def operation_id(route: APIRoute) -> str:
    """Return the operation id of one of FastAPI's routes."""
    return f"{route.name}_version" if "{model_version}" in route.path else route.name


def _offer_names(document: Schema, snapshot: Snapshot) -> None:
    """Turn the parameters that name models into drop-downs, with the first name as example."""
    known = list(snapshot.models)
    for path, item in document["paths"].items():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] in ("model", "name", "model_name"):
                    is_known = path in _OF_KNOWN or path.startswith("/v2/repository")
                    offer_name(
                        parameter, known if is_known else snapshot.ready_names, is_known=is_known
                    )


def _correct(paths: Schema) -> None:
    """Describe errors of our routes as problem documents, including FastAPI's validation."""
    for path, operations in paths.items():
        for operation in operations.values():
            # FastAPI declares an optional parameter as "integer or null", hard to read in Swagger.
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "version":
                    parameter["schema"] = {"type": "integer", "minimum": 1}
            if path.startswith(("/v1", "/v2", "/readyz", "/ping", "/health", "/version")):
                continue
            for status, response in operation["responses"].items():
                if status >= "400":
                    response["content"] = PROBLEM if status != "422" else UNFIT
                    if status == "422":
                        response["description"] = INVALID


def _examples(pieces: dict[str, _Piece]) -> dict[str, Schema]:
    """Return a record of each of the first models."""
    found = {name: piece.example for name, piece in pieces.items() if piece.example}
    return {name: {"value": msgspec.Raw(found[name])} for name in list(found)[:_EXAMPLES]}


def _predict_selected(
    snapshot: Snapshot,
    identifiers: dict[str, Identifier],
    schemas: Schema,
    examples: dict[str, Schema],
) -> Schema:
    try:
        selected = snapshot.selected()
    except RookeryError as error:
        description = str(error)
        operation = describe_operation("predict", "Predict with the selected model", description)
        return _with_examples(operation, examples)
    training = describe_training(selected)
    description = f"Selected model: **{selected.name}**, version {selected.version}. {training}"
    operation = describe_operation("predict", "Predict with the selected model", description)
    if selected.features:
        is_active = selected is snapshot.models[selected.name].active
        identifier = identifiers[selected.name] if is_active else SELECTED
        own: Schema = {}
        complete(operation, selected, identifier, own)
        schemas |= own
    return operation


def _predict_named(
    operation_id: str, summary: str, snapshot: Snapshot, examples: dict[str, Schema]
) -> Schema:
    """Describe a route with a model's name in its path."""
    description = (
        "Send one record, or a list of records, with the features of the model. Each example is "
        "named after its model."
    )
    operation = describe_operation(operation_id, summary, description)
    name: Schema = {"name": "name", "in": "path", "required": True}
    offer_name(name, list(examples) or snapshot.ready_names, is_known=False)
    operation["parameters"] = [name]
    return _with_examples(operation, examples)


def _with_examples(operation: Schema, examples: dict[str, Schema]) -> Schema:
    if examples:
        operation["requestBody"]["content"]["application/json"]["examples"] = examples
    return operation


def _predict_version(snapshot: Snapshot, examples: dict[str, Schema]) -> Schema:
    summary = "Predict with one version of a model"
    operation = _predict_named("predict_by_version", summary, snapshot, examples)
    first = next((snapshot.models[name].active for name in examples), None)
    operation["parameters"].append(
        {
            "name": "version",
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
            "description": "A loaded version.",
            **({"example": first.version} if first is not None else {}),
        }
    )
    return operation
