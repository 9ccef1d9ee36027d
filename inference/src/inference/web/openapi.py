"""The OpenAPI document, made anew when the snapshot or the operator's choices change.

FastAPI describes its own routes; this adds what only the live models can tell: the drop-down of
``/select-model/``, and one typed entry per model with its features, units, ranges, categories and
an example that runs as it is.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from fastapi.openapi.utils import get_openapi

from inference.errors import RookeryError
from inference.log import KEY_ID
from inference.repository.snapshot import Snapshot
from inference.web.access.openapi import add_key, add_keys
from inference.web.api.document import Document, DocumentResponse, Subject, encoded
from inference.web.api.model_schema import (
    PROBLEM,
    any_body,
    describe_answer,
    describe_body,
    describe_operation,
    describe_predict,
    describe_training,
)
from inference.web.api.pieces import Pieces
from inference.web.oip.openapi import add_inference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI

    from inference.repository.repository import Repository
    from inference.repository.snapshot import Model
    from inference.web.api.document import Encoded

Schema = dict[str, Any]

# No page can show more; the models for which there is no room share one entry.
_MODELS_BYTES = 8 * 1024 * 1024

DESCRIPTION = """\
Choose a model with **`POST /select-model/`** (its drop-down lists the live ones), then ask
**`POST /predict/`**. Or ask a model by name: each has its own entry under *predict*, with its
features and an example that runs as it is.

Models appear, change and go without a restart; reload this page to see them.
"""


class _Piece(NamedTuple):
    """A model's own entry, encoded: its operation, and the schema of its records."""

    operation: bytes
    schemas: dict[str, bytes]


class OpenApiDocument:
    """The document that ``/openapi.json`` answers with.

    Args:
        app: FastAPI's app, which describes its own routes.
        repository: Where the live models are.
        keyed: Whether keys are needed; who has none is told of no model.
    """

    def __init__(self, app: FastAPI, repository: Repository, *, keyed: bool = False) -> None:
        self._app = app
        self._keyed = keyed
        self._own: Schema = {}
        self._pieces: Pieces[_Piece | None] = Pieces(self._describe)
        nothing = Subject(Snapshot())
        self._public = Document(lambda: nothing, self._encode)
        self._document = Document(lambda: Subject(repository.current()), self._encode)

    def install(self) -> None:
        """Answer ``/openapi.json`` in place of FastAPI, which would encode it in the loop."""
        routes = self._app.router.routes
        routes[:] = [r for r in routes if getattr(r, "path", None) != self._app.openapi_url]

        @self._app.get(str(self._app.openapi_url), include_in_schema=False)
        async def openapi() -> DocumentResponse:
            is_known = not self._keyed or KEY_ID.get() is not None
            return DocumentResponse(await (self._document if is_known else self._public).get())

    def _encode(self, subject: Subject) -> Encoded:
        return encoded(msgspec.json.encode(self._make(subject.thing)))

    def _make(self, snapshot: Snapshot) -> Schema:
        # FastAPI's part never changes, and takes fifty times as long as a copy of it.
        app = self._app
        self._own = self._own or get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
        )
        document: Schema = copy.deepcopy(self._own)
        document["tags"] = [
            {"name": "models", "description": "Which models are live, selected and active"},
            {"name": "predict", "description": "Ask a model"},
            {"name": "health", "description": "For probes"},
            {"name": "open inference protocol", "description": "For KServe's and Triton's clients"},
        ]
        paths: Schema = document["paths"]
        schemas: Schema = document.setdefault("components", {}).setdefault("schemas", {})
        _offer(paths, "/select-model/", "model", snapshot.ready_names)
        # FastAPI spells an optional parameter "integer or null", which Swagger shows clumsily.
        for described in paths["/select-model/"]["post"]["parameters"]:
            if described["name"] == "version":
                described["schema"] = {"type": "integer", "minimum": 1}
        for path in ("/models/{name}", "/models/{name}/active"):
            _offer(paths, path, "name", list(snapshot.models))
        _tell_problems(paths)
        paths["/predict/"] = {"post": _predict_selected(snapshot, schemas)}
        paths["/models/{name}/versions/{version}/predict"] = {
            "post": _predict_named(snapshot.ready_names, version=True)
        }
        add_inference(document, snapshot.ready_names, list(snapshot.models))
        pieces, left_out = self._choose_pieces(snapshot)
        if left_out:
            paths["/models/{name}/predict"] = {"post": _predict_named(left_out, version=False)}
        if self._keyed:
            add_keys(document)
        for name, piece in pieces.items():
            paths[_path_of(name)] = {"post": msgspec.Raw(piece.operation)}
            schemas |= {key: msgspec.Raw(schema) for key, schema in piece.schemas.items()}
        return document

    def _choose_pieces(self, snapshot: Snapshot) -> tuple[dict[str, _Piece], list[str]]:
        """Choose the models that have entries of their own, and name those without room for it."""
        room, chosen, left_out = _MODELS_BYTES, {}, []
        for model, piece in self._pieces.of(snapshot):
            if piece is None:
                continue
            room -= len(piece.operation) + sum(map(len, piece.schemas.values()))
            if room < 0:
                left_out.append(model.name)
            else:
                chosen[model.name] = piece
        return chosen, left_out

    def _describe(self, model: Model) -> _Piece | None:
        active = model.active
        if active is None or not active.features:
            return None
        schemas: Schema = {}
        operation = describe_predict(active, schemas)
        if self._keyed:
            add_key(operation, "post", _path_of(model.name))
        encode = msgspec.json.encode
        return _Piece(encode(operation), {key: encode(schema) for key, schema in schemas.items()})


def _predict_selected(snapshot: Snapshot, schemas: Schema) -> Schema:
    try:
        selected = snapshot.selected()
    except RookeryError as error:
        operation = describe_operation("predict", "Ask the selected model", any_body())
        operation["description"] = f"Nothing to ask yet: {error}"
        return operation
    body = describe_body(selected, schemas)
    operation = describe_operation("predict", "Ask the selected model", body)
    training = describe_training(selected)
    operation["description"] = (
        f"Selected is **{selected.name}**, version {selected.version}. {training}"
    )
    operation["responses"]["200"] = describe_answer(selected)
    return operation


def _tell_problems(paths: Schema) -> None:
    """Say of our own routes that errors are problem documents, FastAPI's validation included."""
    for path, operations in paths.items():
        if path.startswith(("/v2", "/readyz")):
            continue
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    response["content"] = PROBLEM
                    if status == "422" and "predict" not in operation["tags"]:
                        response["description"] = "The request does not fit the route"


def _offer(paths: Schema, path: str, parameter: str, names: Sequence[str]) -> None:
    """Turn a path's parameter into a drop-down."""
    for operation in paths.get(path, {}).values():
        for described in operation["parameters"]:
            if described["name"] == parameter and names:
                described["schema"]["enum"] = list(names)


def _predict_named(names: list[str], *, version: bool) -> Schema:
    """Describe the route that takes a model's name, and a version where one is asked."""
    summary = "Ask one version of a model" if version else "Ask a model"
    # With an underscore, since a model may be called "version".
    identity = "predict_version" if version else "predict_named"
    operation = describe_operation(identity, summary, any_body())
    schema: Schema = {"type": "string"} | ({"enum": names} if names else {})
    operation["parameters"] = [{"name": "name", "in": "path", "required": True, "schema": schema}]
    if version:
        operation["parameters"].append(
            {
                "name": "version",
                "in": "path",
                "required": True,
                "schema": {"type": "integer", "minimum": 1},
                "description": "A version that is kept loaded.",
            }
        )
    return operation


def _path_of(name: str) -> str:
    return f"/models/{name}/predict"
