"""The OpenAPI document, made anew when the snapshot or the operator's choices change.

FastAPI describes its own routes; this adds what only the live models can tell: the drop-down of
``/select-model/``, and one typed entry per model with its features, units, ranges, categories and
an example that runs as it is.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from inference.errors import RookeryError
from inference.log import KEY_ID
from inference.model.contract import label_key
from inference.repository.snapshot import Snapshot
from inference.web.access.openapi import add_keys
from inference.web.oip.openapi import add_inference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI

    from inference.model.contract import Contract, Feature
    from inference.model.servable import Servable
    from inference.repository.repository import Repository

Schema = dict[str, Any]

DESCRIPTION = """\
Choose a model with **`POST /select-model/`** (its drop-down lists the live ones), then ask
**`POST /predict/`**. Or ask a model by name: each has its own entry under *predict*, with its
features and an example that runs as it is.

Models appear, change and go without a restart; reload this page to see them.
"""


_PROBLEM: Schema = {
    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
}


class OpenApiDocument:
    """The document that ``/openapi.json`` answers with.

    Args:
        app: FastAPI's app, which describes its own routes.
        repository: Where the live models are.
        keyed: Whether keys are needed; who has none is told of no model.
    """

    def __init__(self, app: FastAPI, repository: Repository, *, keyed: bool = False) -> None:
        self._app = app
        self._repository = repository
        self._keyed = keyed
        self._own: Schema = {}
        self._made_for: Snapshot | None = None
        self._document: Schema = {}

    def current(self) -> Schema:
        """Give the document, made anew when a model or a choice has changed."""
        if self._keyed and KEY_ID.get() is None:
            return self._make(Snapshot())
        snapshot = self._repository.current()
        if snapshot is not self._made_for:
            self._document = self._make(snapshot)
            self._made_for = snapshot
        return self._document

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
        paths["/predict/"] = {"post": _predict_selected(snapshot, schemas)}
        for name in snapshot.ready_names:
            active = snapshot.models[name].active
            if active is not None and active.features:
                paths[f"/models/{name}/predict"] = {"post": _predict_model(active, schemas)}
        _tell_problems(paths)
        paths["/models/{name}/versions/{version}/predict"] = {"post": _predict_version(snapshot)}
        add_inference(document, snapshot.ready_names, list(snapshot.models))
        if self._keyed:
            add_keys(document)
        return document


def _predict_selected(snapshot: Snapshot, schemas: Schema) -> Schema:
    try:
        selected = snapshot.selected()
    except RookeryError as error:
        operation = _operation("predict", "Ask the selected model", _any_body())
        operation["description"] = f"Nothing to ask yet: {error}"
        return operation
    operation = _operation("predict", "Ask the selected model", _body(selected, schemas))
    operation["description"] = (
        f"Selected is **{selected.name}**, version {selected.version}. {_told(selected)}"
    )
    operation["responses"]["200"] = _answer(selected)
    return operation


def _tell_problems(paths: Schema) -> None:
    """Say of our own routes that errors are problem documents, FastAPI's validation included."""
    for path, operations in paths.items():
        if path.startswith(("/v2", "/readyz")):
            continue
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    response["content"] = _PROBLEM
                    if status == "422" and "predict" not in operation["tags"]:
                        response["description"] = "The request does not fit the route"


def _offer(paths: Schema, path: str, parameter: str, names: Sequence[str]) -> None:
    """Turn a path's parameter into a drop-down."""
    for operation in paths.get(path, {}).values():
        for described in operation["parameters"]:
            if described["name"] == parameter and names:
                described["schema"]["enum"] = list(names)


def _predict_model(servable: Servable, schemas: Schema) -> Schema:
    name = servable.name
    operation = _operation(f"predict-{name}", f"Ask {name}", _body(servable, schemas))
    operation["description"] = _told(servable)
    operation["responses"]["200"] = _answer(servable)
    return operation


def _predict_version(snapshot: Snapshot) -> Schema:
    operation = _operation("predict-version", "Ask one version of a model", _any_body())
    operation["parameters"] = [
        {
            "name": "name",
            "in": "path",
            "required": True,
            "schema": {"type": "string"}
            | ({"enum": snapshot.ready_names} if snapshot.ready_names else {}),
        },
        {
            "name": "version",
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
            "description": "A version that is kept loaded.",
        },
    ]
    return operation


def _operation(operation_id: str, summary: str, body: Schema) -> Schema:
    told = {
        "400": "Not JSON, or no rows",
        "404": "No such model or version",
        "409": "Nothing is selected, or the model does not answer",
        "413": "Over the limit on bytes or rows",
        "422": "Some rows do not fit the model; names each row and feature",
        "500": "The model failed",
        "503": "The model is still being loaded",
    }
    responses: Schema = {
        "200": {"description": "The prediction", "content": {"application/json": {"schema": {}}}}
    }
    for status, description in told.items():
        responses[status] = {"description": description, "content": _PROBLEM}
    return {
        "tags": ["predict"],
        "summary": summary,
        "operationId": operation_id,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": responses,
    }


def _any_body() -> Schema:
    anything: Schema = {
        "oneOf": [{"type": "object"}, {"type": "array", "minItems": 1, "items": {}}]
    }
    return {"schema": anything}


def _body(servable: Servable, schemas: Schema) -> Schema:
    features = servable.features or []
    key = f"Record-{servable.name}"
    schemas[key] = {
        "type": "object",
        "title": f"A record of {servable.name}",
        "properties": {feature.name: _property(feature) for feature in features},
        "required": [feature.name for feature in features],
        "additionalProperties": False,
    }
    record = {"$ref": f"#/components/schemas/{key}"}
    row = {
        "type": "array",
        "title": "Values in feature order",
        "prefixItems": [_property(feature) for feature in features],
        "items": False,
        "minItems": len(features),
        "maxItems": len(features),
    }
    lists = [{"type": "array", "minItems": 1, "items": item} for item in (record, row)]
    example = {feature.name: feature.example for feature in features}
    values = list(example.values())
    return {
        "schema": {"oneOf": [record, lists[0], lists[1], row]},
        "examples": {
            "one record": {"value": example},
            "a list of records": {"value": [example, example]},
            "rows in feature order": {"value": [values, values]},
        },
    }


def _property(feature: Feature) -> Schema:
    types = {"number": "number", "integer": "integer", "boolean": "boolean", "category": "string"}
    kind = types[feature.kind]
    if feature.categories and not isinstance(feature.categories[0], str):
        kind = "integer"
    # The training range is told and not enforced: values outside are answered with a warning.
    parts = [feature.description or "", f"in {feature.unit}" if feature.unit else ""]
    if feature.minimum is not None and feature.maximum is not None:
        parts.append(f"seen in training: {feature.minimum:g} to {feature.maximum:g}")
    described: Schema = {"type": [kind, "null"] if feature.nullable else kind}
    if feature.categories and not feature.open_categories:
        described["enum"] = [*feature.categories, *([None] if feature.nullable else [])]
    elif feature.categories:
        parts.append(f"seen in training: {', '.join(map(str, feature.categories[:20]))}")
    described["description"] = "; ".join(filter(None, parts))
    described["examples"] = [feature.example]
    return described


def _answer(servable: Servable) -> Schema:
    contract = servable.contract
    prediction: Schema = {"type": "object"} if contract is None else _prediction(contract)
    named: Schema = {
        "model": {"type": "string", "examples": [servable.name]},
        "version": {"type": "integer", "examples": [servable.version]},
        "warnings": {"type": "array", "items": {"type": "object"}},
    }
    one = {
        "type": "object",
        "title": "One prediction",
        "properties": named | prediction.get("properties", {}),
        "required": ["model", "version"],
    }
    many = {
        "type": "object",
        "title": "A prediction per row",
        "properties": named | {"predictions": {"type": "array", "items": prediction}},
        "required": ["model", "version", "predictions"],
    }
    content = {"application/json": {"schema": {"anyOf": [one, many]}}}
    return {"description": "The prediction; for a list of rows, one each", "content": content}


def _prediction(contract: Contract) -> Schema:
    if contract.task == "regression":
        single: Schema = {"value": {"type": ["number", "null"]}}
        several: Schema = {"values": {"type": "object"}}
        return {"type": "object", "properties": several if contract.targets else single}
    classes = contract.classes or []
    # Null stands for a number that JSON cannot spell.
    table: Schema = {
        "type": ["object", "null"],
        "properties": {label_key(c): {"type": ["number", "null"]} for c in classes},
    }
    return {
        "type": "object",
        "properties": {"label": {"enum": classes}, "probabilities": table},
        "required": ["label", "probabilities"],
    }


def _told(servable: Servable) -> str:
    contract = servable.contract
    if contract is None:
        return "This file has no contract: its features are positional, nothing is known of them."
    metrics = contract.training.metrics
    description = (contract.training.description or "").strip()
    ended = not description or description.endswith((".", "!", "?"))
    parts = [description if ended else f"{description}."]
    if metrics is not None and metrics.accuracy is not None:
        parts.append(f"Accuracy {metrics.accuracy:.3f} on {metrics.rows} held-out rows.")
    if metrics is not None and metrics.r2 is not None:
        parts.append(f"R² {metrics.r2:.3f} on {metrics.rows} held-out rows.")
    return " ".join(filter(None, parts))
