"""What the OpenAPI document says of one model: its features, an example, its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.model.contract import label_key

if TYPE_CHECKING:
    from inference.model.contract import Contract, Feature
    from inference.model.servable import Servable

Schema = dict[str, Any]

PROBLEM: Schema = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_UNUSED: Schema = {"description": "not read by the model"}
# No page can show more: a model of more features takes any body there, and longer lists of
# categories or classes are left out.
_DESCRIBED_FEATURES = 500
_LISTED = 500


def describe_predict(servable: Servable, schemas: Schema) -> Schema:
    """Describe the route of one model.

    Args:
        servable: What answers.
        schemas: Where the schema of its records is put.
    """
    name, body = servable.name, describe_body(servable, schemas)
    operation = describe_operation(f"predict-{name}", f"Ask {name}", body)
    operation["description"] = describe_training(servable)
    operation["responses"]["200"] = describe_answer(servable)
    return operation


def describe_operation(operation_id: str, summary: str, body: Schema) -> Schema:
    """Describe a predict route."""
    told = {
        "400": "Not JSON, or no rows",
        "404": "No such model or version",
        "409": "Nothing is selected, or the model does not answer",
        "413": "Over the limit on bytes or rows",
        "422": "Some rows do not fit the model; names each row and feature",
        "500": "The model failed",
        "503": "The model is still being loaded, or too many requests wait",
        "504": "The run took too long and was ended",
    }
    responses: Schema = {
        "200": {"description": "The prediction", "content": {"application/json": {"schema": {}}}}
    }
    for status, description in told.items():
        responses[status] = {"description": description, "content": PROBLEM}
    return {
        "tags": ["predict"],
        "summary": summary,
        "operationId": operation_id,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": responses,
    }


def any_body() -> Schema:
    """Describe a body of which nothing is known."""
    anything: Schema = {
        "oneOf": [{"type": "object"}, {"type": "array", "minItems": 1, "items": {}}]
    }
    return {"schema": anything}


def describe_body(servable: Servable, schemas: Schema) -> Schema:
    """Describe what a model takes; the schema of its records is put into ``schemas``."""
    features = servable.features or []
    if len(features) > _DESCRIBED_FEATURES:
        return any_body()
    key = f"Record-{servable.name}"
    schemas[key] = {
        "type": "object",
        "title": f"A record of {servable.name}",
        "properties": {
            **{feature.name: _property(feature) for feature in features},
            **dict.fromkeys(_unused_columns(servable), _UNUSED),
        },
        "required": [feature.name for feature in features if not feature.nullable],
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


def _unused_columns(servable: Servable) -> list[str]:
    return (servable.contract.unused or []) if servable.contract else []


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
    categories = feature.categories or []
    if len(categories) > _LISTED:
        parts.append(f"{len(categories):,} categories were seen in training")
    elif categories and not feature.open_categories:
        described["enum"] = [*categories, *([None] if feature.nullable else [])]
    elif categories:
        parts.append(f"seen in training: {', '.join(map(str, categories[:20]))}")
    described["description"] = "; ".join(filter(None, parts))
    described["examples"] = [feature.example]
    return described


def describe_answer(servable: Servable) -> Schema:
    """Describe what a model answers."""
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
    if len(classes) > _LISTED:
        return {"type": "object", "required": ["label", "probabilities"]}
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


def describe_training(servable: Servable) -> str:
    """Tell where a model comes from, and how good it is."""
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
