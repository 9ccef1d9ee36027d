"""Describes the fast routes of other servers' protocols, which FastAPI does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from inference.web.openapi.drop_downs import offer_name
from inference.web.openapi.error_responses import ERROR, MLFLOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.repository.snapshot import Snapshot

Schema = dict[str, Any]

TAG = "other protocols"
_MODEL = "/v1/models/{model_name}"
_VERSIONS = "/versions/{version}"
_ERRORS = {
    "400": "Invalid request; the message names what to change",
    "404": "The model or version does not exist",
    "409": "The model is not available, or none is selected",
    "413": "Too many bytes, rows or values",
    "415": "Unsupported compression or media type",
    "500": "The model failed",
    "503": "The model is not ready, or the service is overloaded",
    "504": "The run exceeded its time limit",
}
_ROWS: Schema = {
    "type": "array",
    "items": {},
    "description": "Records, rows in feature order, or values of a model with one feature.",
}
_INPUTS: Schema = {"description": "The same, or an object of columns by feature."}
_SIGNATURE: Schema = {
    "type": "string",
    "description": "`predict` (default), `predict_proba`, `decision_function` or `transform`.",
}
_PARAMETERS: Schema = {
    "type": "object",
    "properties": {"predict_fn": _SIGNATURE},
    "additionalProperties": False,
}
_PREDICTIONS: Schema = {"type": "array", "items": {}, "description": "One value for each row."}
_EXAMPLE: Schema = {"instances": [[39.1, 18.7, 181.0, 3750.0]]}
_SCHEMAS: Schema = {
    "InstancesRequest": {
        "type": "object",
        "properties": {
            "instances": _ROWS,
            "inputs": _INPUTS,
            "signature_name": _SIGNATURE,
            "parameters": _PARAMETERS,
        },
        "additionalProperties": False,
        "examples": [_EXAMPLE],
    },
    "InvocationsRequest": {
        "type": "object",
        "properties": {
            "dataframe_split": {
                "type": "object",
                "properties": {
                    "columns": {"type": "array", "items": {}},
                    "data": {"type": "array", "items": {"type": "array", "items": {}}},
                },
                "required": ["data"],
            },
            "dataframe_records": {"type": "array", "items": {"type": "object"}},
            "instances": _ROWS,
            "inputs": _INPUTS,
            "params": _PARAMETERS,
            "parameters": _PARAMETERS,
        },
        "additionalProperties": False,
        "examples": [_EXAMPLE],
    },
    "PlainPredictions": {
        "type": "object",
        "properties": {
            "predictions": _PREDICTIONS,
            "outputs": {
                "type": "array",
                "items": {},
                "description": "The same as `predictions`; present if the request has `inputs`.",
            },
        },
        "required": ["predictions"],
        "examples": [{"predictions": ["Adelie"]}],
    },
    "PlainExplanations": {
        "type": "object",
        "properties": {
            "predictions": _PREDICTIONS,
            "explanations": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["predictions", "explanations"],
        "examples": [
            {
                "predictions": ["Adelie"],
                "explanations": [
                    {
                        "method": "exact",
                        "output": "probabilities",
                        "base": {"Adelie": 0.5},
                        "contributions": {"age": {"Adelie": 0.25}},
                        "model_rows": 64,
                    }
                ],
            }
        ],
    },
    "MlflowError": {
        "type": "object",
        "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
        "required": ["error_code", "message"],
        "examples": [
            {
                "error_code": "INVALID_PARAMETER_VALUE",
                "message": "row 0, feature 'age': expected an integer, got the string 'x'",
            }
        ],
    },
}


def add_adapters(document: Schema, snapshot: Snapshot, records: Mapping[str, Schema]) -> None:
    """Describe the routes.

    Args:
        document: The OpenAPI document so far.
        snapshot: The models.
        records: By model, an example of a record under ``value``, as JSON.
    """
    paths: Schema = document["paths"]
    document["components"]["schemas"] |= _SCHEMAS
    for item in (item for path, item in paths.items() if path.startswith(_MODEL)):
        for operation in item.values():
            operation["responses"].pop("422", None)  # it is 400 here
    examples = {name: _example(record) for name, record in records.items()}
    name: Schema = {"name": "model_name", "in": "path", "required": True}
    offer_name(name, list(records) or snapshot.ready_names, is_known=False)
    version: Schema = {
        "name": "version",
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
    first = next((snapshot.models[each].active for each in records), None)
    if first is not None:
        version["example"] = first.version
    for suffix, parameters in (("", [name]), (_VERSIONS, [name, version])):
        for verb in ("predict", "explain"):
            operation = _describe_v1(verb, examples, is_version=bool(suffix))
            paths[f"{_MODEL}{suffix}:{verb}"] = {"post": operation | {"parameters": parameters}}
    selection = snapshot.state.selection
    chosen = {k: v for k, v in examples.items() if selection and k == selection.model}
    paths["/invocations"] = {"post": _describe_invocations(chosen)}


def _example(record: Schema) -> Schema:
    return {"value": msgspec.Raw(b'{"instances":[%b]}' % bytes(record["value"]))}


def _describe_v1(verb: str, examples: Schema, *, is_version: bool) -> Schema:
    does = "Predict" if verb == "predict" else "Explain"
    which = "one version of a model" if is_version else "a model"
    return {
        "tags": [TAG],
        "summary": f"{does} with {which}, for KServe's and TensorFlow Serving's clients",
        "description": "Each example is named after its model.",
        "operationId": f"v1_{verb}{'_version' if is_version else ''}",
        "requestBody": _body("InstancesRequest", examples),
        "responses": _answers(
            "PlainPredictions" if verb == "predict" else "PlainExplanations", ERROR
        ),
    }


def _describe_invocations(examples: Schema) -> Schema:
    # CSV is described in words only: code generators refuse the whole operation for its media type.
    return {
        "tags": [TAG],
        "summary": "Predict with the selected model, for MLflow's and SageMaker's clients",
        "description": "The body may also be CSV (`text/csv`) with the names of the columns in its "
        "first line; with `text/csv; header=absent`, the columns are the features in their order.",
        "operationId": "invocations",
        "requestBody": _body("InvocationsRequest", examples),
        "responses": _answers("PlainPredictions", MLFLOW),
    }


def _body(schema: str, examples: Schema) -> Schema:
    content: Schema = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    if examples:
        content["examples"] = examples
    return {"required": True, "content": {"application/json": content}}


def _answers(schema: str, error: Schema) -> Schema:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    answer = {"description": "The answers", "content": {"application/json": {"schema": reference}}}
    errors = {s: {"description": text, "content": error} for s, text in _ERRORS.items()}
    if error is ERROR:
        del errors["409"]  # it is 400 or 503 under /v1
    return {"200": answer, **errors}
