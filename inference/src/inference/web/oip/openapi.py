"""The inference routes in the OpenAPI document: they pass FastAPI by, so they are told here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Schema = dict[str, Any]

TAG = "open inference protocol"
_DATATYPES = [
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "FP32", "FP64", "BYTES",
]  # fmt: skip
_ERROR = {"$ref": "#/components/schemas/ErrorView"}
_TOLD = {
    "400": "The request is not what the protocol or the model takes",
    "404": "No such model or version",
    "413": "Over the limit on bytes or rows",
    "500": "The model failed",
    "503": "The model is there and does not answer, or too many requests wait",
    "504": "The run took too long and was ended",
}
_HEADER = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "required": False,
    "schema": {"type": "integer", "minimum": 0},
    "description": "How many of the body's bytes are the JSON, where binary data follows; 0 for a "
    "raw request.",
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}


def add_inference(document: Schema, ready: Sequence[str], known: Sequence[str]) -> None:
    """Describe the inference routes, and offer the models in every route of the protocol.

    Args:
        document: The OpenAPI document so far.
        ready: Names of the models that answer.
        known: Names of all models.
    """
    schemas: Schema = document["components"]["schemas"]
    schemas |= _schemas()
    paths: Schema = document["paths"]
    model = "/v2/models/{model_name}"
    versioned = model + "/versions/{model_version}"
    paths[f"{model}/infer"] = {"post": _operation("infer", "Ask a model", ["model_name"])}
    paths[f"{versioned}/infer"] = {
        "post": _operation(
            "infer-version", "Ask one version of a model", ["model_name", "model_version"]
        )
    }
    for path, item in paths.items():
        if not path.startswith("/v2"):
            continue
        offered = known if path.startswith("/v2/repository") else ready
        for operation in item.values():
            _correct(operation, offered)


def _operation(operation_id: str, summary: str, parameters: Sequence[str]) -> Schema:
    request = {"$ref": "#/components/schemas/InferenceRequest"}
    answer = {"$ref": "#/components/schemas/InferenceResponse"}
    errors = {
        status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
        for status, text in _TOLD.items()
    }
    return {
        "tags": [TAG],
        "summary": summary,
        "description": "Tensors in, tensors out, as JSON or as binary data behind the JSON.",
        "operationId": operation_id,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in parameters
            ),
            _HEADER,
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": request},
                "application/octet-stream": _BINARY,
            },
        },
        "responses": {
            "200": {
                "description": "The outputs",
                "content": {
                    "application/json": {"schema": answer},
                    "application/octet-stream": _BINARY,
                },
            },
            **errors,
        },
    }


def _correct(operation: Schema, names: Sequence[str]) -> None:
    """Offer the names of models, and drop FastAPI's 422, which is a 400 here."""
    operation["responses"].pop("422", None)
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "model_name" and names:
            parameter["schema"]["enum"] = list(names)
        if parameter["name"] == "model_version":
            parameter["schema"] = {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"}


def _schemas() -> Schema:
    parameters: Schema = {"type": "object", "additionalProperties": True}
    tensor: Schema = {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"type": "string", "enum": _DATATYPES},
        "parameters": parameters,
        "data": {"type": "array", "items": {}, "description": "Row-major, nested or flat."},
    }
    output: Schema = {"name": {"type": "string"}, "parameters": parameters}
    return {
        "InferenceRequest": {
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "parameters": parameters,
                "inputs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": tensor,
                        "required": ["name", "shape", "datatype"],
                    },
                },
                "outputs": {
                    "type": "array",
                    "items": {"type": "object", "properties": output, "required": ["name"]},
                },
            },
            "required": ["inputs"],
        },
        "InferenceResponse": {
            "type": "object",
            "properties": {
                "model_name": {"type": "string"},
                "model_version": {"type": "string"},
                "id": {"type": "string"},
                "outputs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": tensor,
                        "required": ["name", "shape", "datatype"],
                    },
                },
            },
            "required": ["model_name", "model_version", "outputs"],
        },
    }
