"""The inference routes in the OpenAPI document. FastAPI does not know these routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.web.openapi.drop_downs import offer_name
from inference.web.openapi.error_responses import ERROR
from inference.web.openapi.inference_example import example_request

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.repository.snapshot import Snapshot

Schema = dict[str, Any]

TAG = "open inference protocol"
_DATATYPES = [
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "FP32", "FP64", "BYTES",
]  # fmt: skip
_ERRORS = {
    "400": "Invalid request; the message names what to change",
    "404": "The model or version does not exist",
    "413": "Too many bytes or rows",
    "415": "Unsupported compression; use gzip, deflate or zstd",
    "500": "The model failed",
    "503": "The model is not available, or the service is overloaded",
    "504": "The run exceeded its time limit",
}
_EXAMPLES = 20  # models with an example
_TENSOR: Schema = {"$ref": "#/components/schemas/Tensor"}
_EXAMPLE: Schema = {"name": "X", "shape": [1, 4], "datatype": "FP32"}
_HEADER = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "required": False,
    "schema": {"type": "integer", "minimum": 0},
    "description": "Length of the JSON in bytes, if binary data follows it; 0 for a raw binary "
    "request.",
}
_VERSION: Schema = {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PARAMETERS: Schema = {"type": "object", "additionalProperties": True, "examples": [{}]}
_TENSOR_SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"type": "string", "enum": _DATATYPES},
        "parameters": _PARAMETERS,
        "data": {"type": "array", "items": {}, "description": "Row-major, nested or flat."},
    },
    "required": ["name", "shape", "datatype"],
}
_SCHEMAS: Schema = {
    "Tensor": _TENSOR_SCHEMA,
    "RequestedOutput": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "parameters": _PARAMETERS},
        "required": ["name"],
    },
    "InferenceRequest": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "parameters": _PARAMETERS,
            "inputs": {"type": "array", "items": _TENSOR},
            "outputs": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/RequestedOutput"},
            },
        },
        "required": ["inputs"],
        "examples": [{"inputs": [_EXAMPLE | {"data": [39.1, 18.7, 181.0, 3750.0]}]}],
    },
    "InferenceResponse": {
        "type": "object",
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": _TENSOR},
        },
        "required": ["model_name", "model_version", "outputs"],
        "examples": [
            {
                "model_name": "penguins",
                "model_version": "1",
                "outputs": [
                    {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["Adelie"]}
                ],
            }
        ],
    },
}


def add_inference(document: Schema, snapshot: Snapshot) -> None:
    """Describe the inference routes, with an example for each of the first models.

    Args:
        document: The OpenAPI document so far.
        snapshot: The models.
    """
    schemas: Schema = document["components"]["schemas"]
    schemas |= _SCHEMAS
    paths: Schema = document["paths"]
    for item in (item for path, item in paths.items() if path.startswith("/v2")):
        for operation in item.values():
            _correct(operation)
    model = "/v2/models/{model_name}"
    asked = [servable for name in snapshot.ready_names if (servable := _active(snapshot, name))]
    examples = {}
    for servable in asked[:_EXAMPLES]:
        request = example_request(servable)
        if request is not None:
            examples[servable.name] = {"value": request}
    operation = _operation("infer", "Run inference with a model", examples)
    name: Schema = {"name": "model_name", "in": "path", "required": True}
    offer_name(name, list(examples) or snapshot.ready_names)
    paths[f"{model}/infer"] = {"post": operation | {"parameters": [name, _HEADER]}}
    operation = _operation("infer_version", "Run inference with one version of a model", examples)
    version: Schema = {"name": "model_version", "in": "path", "required": True, "schema": _VERSION}
    first = next((servable for servable in asked if servable.name in examples), None)
    if first is not None:
        version["example"] = str(first.version)
    parameters = [name, version, _HEADER]
    paths[f"{model}/versions/{{model_version}}/infer"] = {
        "post": operation | {"parameters": parameters}
    }


def _active(snapshot: Snapshot, name: str) -> Servable | None:
    return snapshot.models[name].active


def _operation(operation_id: str, summary: str, examples: Schema) -> Schema:
    request: Schema = {"schema": {"$ref": "#/components/schemas/InferenceRequest"}}
    if examples:
        request["examples"] = examples
    answer = {"$ref": "#/components/schemas/InferenceResponse"}
    errors = {
        status: {"description": description, "content": ERROR}
        for status, description in _ERRORS.items()
    }
    return {
        "tags": [TAG],
        "summary": summary,
        "description": "Send input tensors and receive output tensors, as JSON or as binary data "
        "after the JSON. Each example is named after its model.",
        "operationId": operation_id,
        "requestBody": {
            "required": True,
            "content": {"application/json": request, "application/octet-stream": _BINARY},
        },
        "responses": {
            "200": {
                "description": "The output tensors",
                "content": {
                    "application/json": {"schema": answer},
                    "application/octet-stream": _BINARY,
                },
            },
            **errors,
        },
    }


def _correct(operation: Schema) -> None:
    """Remove FastAPI's 422, which is a 400 here, and set the schema of versions."""
    operation["responses"].pop("422", None)
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "model_version":
            parameter["schema"] = _VERSION
